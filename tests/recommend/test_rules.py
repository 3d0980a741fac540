"""Rules of recommend: who sees which creative, what an event says for an item, what may be stored."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommend import rules
from services.recommend.rules.creatives import Creative, Placement
from services.recommend.schemas import content
from shared.experiment import bucket
from tests.recommend.words import NOON, did, shown


def creative(key: str, *, audience: str | None = None, priority: int = 0) -> Creative:
    """A creative with nothing but what choosing looks at."""
    return Creative(shown=shown(key), audience=audience, priority=priority, link_url=None)


def placement(*creatives: Creative, slots: int = 1) -> Placement:
    """The placement under test."""
    return rules.creatives.arrange("home-top", slots, creatives)


def keys(place: Placement, segments: set[str], unit: str) -> list[str]:
    """What is chosen, by key."""
    return [choice.creative.shown.key for choice in rules.creatives.choose(place, segments, unit)]


def test_the_highest_priority_among_matching_audiences_wins() -> None:
    place = placement(
        creative("all", priority=1),
        creative("fans", audience="fans", priority=10),
        creative("vip", audience="vip", priority=20),
    )
    assert keys(place, set(), "a") == ["all"]
    assert keys(place, {"fans"}, "a") == ["fans"]
    assert keys(place, {"fans", "vip"}, "a") == ["vip"]


def test_nothing_matches_nobody_chosen() -> None:
    assert rules.creatives.choose(placement(creative("fans", audience="fans")), {"vip"}, "a") == []
    assert rules.creatives.choose(placement(), {"vip"}, "a") == []


def test_the_reason_names_the_audience() -> None:
    assert creative("x", audience="likers").reason == "segment:likers"
    assert creative("x").reason == "everyone"


def test_ties_are_drawn_by_the_bucket_of_placement_and_unit() -> None:
    place = placement(creative("a"), creative("b"), creative("c"))
    for unit in map(str, range(200)):
        chosen = rules.creatives.choose(place, set(), unit)
        assert [choice.creative.shown.key for choice in chosen] == ["abc"[int(bucket("home-top", unit) * 3)]]
        assert [choice.probability for choice in chosen] == [1 / 3]


def test_ties_are_sticky_and_even() -> None:
    place = placement(creative("a"), creative("b"))
    drawn = Counter(keys(place, set(), str(unit))[0] for unit in range(4000))
    assert 1850 < drawn["a"] < 2150
    assert keys(place, set(), "17") == keys(place, set(), "17")


def test_slots_are_filled_in_order_of_priority_without_repeats() -> None:
    place = placement(
        creative("low"),
        creative("a", priority=5),
        creative("b", priority=5),
        creative("top", audience="vip", priority=9),
        slots=3,
    )
    for unit in map(str, range(50)):
        first, second, third = keys(place, {"vip"}, unit)
        assert first == "top"
        assert {second, third} == {"a", "b"}
        assert keys(place, set(), unit)[2] == "low"


def test_every_place_of_a_tier_is_equally_likely_for_each_equal() -> None:
    place = placement(creative("a"), creative("b"), creative("c"), slots=2)
    seconds = Counter(keys(place, set(), str(unit))[1] for unit in range(6000))
    assert all(1850 < count < 2150 for count in seconds.values())
    assert all(choice.probability == 1 / 3 for choice in rules.creatives.choose(place, set(), "1"))


def test_one_candidate_is_certain() -> None:
    assert rules.creatives.choose(placement(creative("a")), set(), "1")[0].probability == 1.0


@given(
    st.lists(st.tuples(st.sampled_from([None, "x", "y"]), st.integers(0, 2)), max_size=8),
    st.sets(st.sampled_from(["x", "y"])),
    st.integers(1, 5),
    st.text(max_size=5),
)
def test_choices_are_matching_distinct_best_and_as_many_as_fit(
    made: list[tuple[str | None, int]], segments: set[str], slots: int, unit: str
) -> None:
    creatives = [creative(f"c{n}", audience=audience, priority=priority) for n, (audience, priority) in enumerate(made)]
    chosen = [choice.creative for choice in rules.creatives.choose(placement(*creatives, slots=slots), segments, unit)]
    matching = [one for one in creatives if one.audience is None or one.audience in segments]
    assert len(chosen) == min(slots, len(matching))
    assert len({one.shown.key for one in chosen}) == len(chosen)
    assert all(one in matching for one in chosen)
    best = sorted((one.priority for one in matching), reverse=True)[: len(chosen)]
    assert [one.priority for one in chosen] == best


def test_a_bucket_unit_is_the_profile_else_the_anonymous_id_else_the_claimed_user() -> None:
    assert rules.visitors.unit(7, user_id="u", anonymous_id="a") == "7"
    assert rules.visitors.unit(None, user_id="u", anonymous_id="a") == "a"
    assert rules.visitors.unit(None, user_id="u", anonymous_id=None) == "u"


@pytest.mark.parametrize("value", ["", "x" * 513, "a\x00b", None])
def test_ids_that_cannot_be_anybodys_are_nobody(value: str | None) -> None:
    assert rules.visitors.claimed(value) is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//example.com",
        "/page",
        "ftp://example.com",
        "http://",
        "https://exa mple.com",
        "https://example.com/\x00",
        "https://example.com\\@evil.com",
        "https://good.com@evil.com/",
        "http://[::1",
        "https://example.com:port/",
        "https://example.com/" + "a" * 2000,
        "data:text/html,x",
    ],
)
def test_only_web_addresses_are_links(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        content.web_url(url)


@pytest.mark.parametrize("url", ["http://example.com", "HTTPS://example.com:8443/a?b=c#d", "https://例え.jp/动画"])
def test_web_addresses_are_links(url: str) -> None:
    assert content.web_url(url) == url


def test_content_names_the_field_that_is_wrong() -> None:
    assert content.content({"title": "x", "badge": "new"})
    with pytest.raises(ValueError, match="link_url: must be a web address"):
        content.content({"title": "x", "link_url": "javascript:alert(1)"})
    with pytest.raises(ValueError, match="at least one field"):
        content.content({})


def test_properties_are_bounded() -> None:
    assert content.properties({"a": [1, {"b": "\\u0000 is text"}]})
    with pytest.raises(ValueError, match="bytes"):
        content.properties({"a": "x" * 20_000})
    with pytest.raises(ValueError, match="plain JSON"):
        content.properties({"a": float("nan")})


def test_weights_add_up_by_item_and_day() -> None:
    events = [
        did("Content Opened", content_id="v1"),
        did("Content Liked", content_id="v1"),
        did("Content Liked", content_id=12),
        did("Content Unliked", content_id=12),
        did("Content Shared", content_id="v1", time=NOON - timedelta(days=1)),
        did("Creator Followed", content_id="v1"),
        did("Content Liked"),
        did("Content Liked", content_id=True),
        did("Content Liked", content_id="x" * 201),
        did("Content Liked", content_id={"a": 1}),
    ]
    assert rules.popularity.sums(events) == {
        ("v1", date(2026, 5, 4)): 5.0,
        ("12", date(2026, 5, 4)): 0.0,
        ("v1", date(2026, 5, 3)): 6.0,
    }


@pytest.mark.parametrize(
    ("completion", "weight"),
    [(0.25, 0.25), (1, 1.0), (7, 1.0), (-3, 0.0), (10**400, 1.0), (None, 0.5), ("all", 0.5), (True, 0.5)],
)
def test_a_watch_counts_by_its_completion(completion: object, weight: float) -> None:
    assert rules.popularity.weight(did("Video Watched", content_id="v1", completion=completion)) == weight


def test_the_day_is_the_events_own_in_utc() -> None:
    late = datetime(2022, 5, 1, 1, tzinfo=timezone(timedelta(hours=8)))
    assert list(rules.popularity.sums([did("Content Liked", content_id="v", time=late)])) == [("v", date(2022, 4, 30))]
    assert late.astimezone(UTC).day == 30


def test_feedback_counts_impressions_and_clicks() -> None:
    events = [
        did("Banner Shown", placement="home", creative="a", decision="d"),
        did("Banner Shown", placement="home", creative="a"),
        did("Banner Clicked", placement="home", creative="a"),
        did("Banner Clicked", placement="home"),
        did("Banner Clicked", placement="home", creative=["a"]),
        did("Banner Shown", placement="home", creative="a\x00"),
        did("Content Opened", placement="home", creative="a"),
    ]
    assert rules.feedback.counts(events) == {("home", "a", date(2026, 5, 4)): (2, 1)}


def test_a_token_carries_what_attribution_needs() -> None:
    choice = rules.creatives.Choice(
        Creative(shown=shown("spring"), audience=None, priority=0, link_url="https://example.com"), probability=1 / 3
    )
    assert rules.tokens.shown("home", choice) == {
        "k": "banner",
        "p": "home",
        "c": "spring",
        "to": "https://example.com",
        "pr": 0.333333,
    }
    assert rules.tokens.visitor(user_id="u1", anonymous_id=None) == {"u": "u1"}
