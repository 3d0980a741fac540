"""What recommend keeps in its process: bounded, never stale after a change, never ahead of a commit."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import REGISTRY

from services.recommend import rules
from services.recommend.memory.catalogue import Catalogue
from services.recommend.memory.log import Answered, DecisionLog, Slot
from services.recommend.memory.news import MOST, News
from services.recommend.memory.popular import Popular
from services.recommend.memory.viewers import UNKNOWN, Viewer, Viewers
from shared.contracts import Recommended


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def viewers(size: int = 100, clock: Clock | None = None) -> Viewers:
    """An empty memory of viewers."""
    return Viewers(size=size, max_age=60, timer=clock or Clock())


def known(profile_id: int, *segments: str) -> Viewer:
    """A viewer with a profile."""
    return Viewer(profile_id=profile_id, named=True, segments=frozenset(segments))


def keep(memory: Viewers, identity: str, viewer: Viewer) -> bool:
    """Read and remember without anything in between."""
    with memory.reading() as loading:
        return memory.keep(loading, identity, viewer)


def test_what_was_read_is_remembered_until_it_changes() -> None:
    memory = viewers()
    assert memory.get("user_id:u1") is None
    keep(memory, "user_id:u1", known(1, "fans"))
    keep(memory, "anonymous_id:a1", known(1, "fans"))
    keep(memory, "user_id:u2", known(2))
    memory.forget(profiles={1})
    assert memory.get("user_id:u1") is None
    assert memory.get("anonymous_id:a1") is None
    assert memory.get("user_id:u2") == known(2)


def test_a_nobody_is_remembered_until_he_is_linked() -> None:
    memory = viewers()
    keep(memory, "user_id:u1", UNKNOWN)
    assert memory.get("user_id:u1") == UNKNOWN
    memory.forget(profiles={1}, identities={"user_id:u1"})
    assert memory.get("user_id:u1") is None


def test_the_least_recently_used_goes_first() -> None:
    memory = viewers(size=2)
    keep(memory, "user_id:u1", known(1))
    keep(memory, "user_id:u2", known(2))
    memory.get("user_id:u1")
    keep(memory, "user_id:u3", known(3))
    assert len(memory) == 2
    assert memory.get("user_id:u2") is None
    assert memory.get("user_id:u1") == known(1)


def test_an_entry_is_read_again_when_it_is_old() -> None:
    clock = Clock()
    memory = viewers(clock=clock)
    keep(memory, "user_id:u1", known(1))
    clock.now = 59.9
    assert memory.get("user_id:u1")
    clock.now = 60.0
    assert memory.get("user_id:u1") is None
    assert len(memory) == 0


def test_a_change_during_the_read_keeps_the_stale_out() -> None:
    memory = viewers()
    with memory.reading() as loading:
        memory.forget(profiles={1})  # committed and announced after our statement read the old state
        assert not memory.keep(loading, "user_id:u1", known(1))
    assert memory.get("user_id:u1") is None
    assert keep(memory, "user_id:u1", known(1, "fans"))


def test_a_link_during_the_read_keeps_the_stale_out() -> None:
    memory = viewers()
    with memory.reading() as loading:
        memory.forget(profiles={1}, identities={"user_id:u1"})
        assert not memory.keep(loading, "user_id:u1", UNKNOWN)
    assert memory.get("user_id:u1") is None


def test_forgetting_everybody_counts_for_reads_under_way() -> None:
    memory = viewers()
    keep(memory, "user_id:u2", known(2))
    with memory.reading() as loading:
        memory.forget_all()
        assert not memory.keep(loading, "user_id:u1", known(1))
    assert len(memory) == 0
    assert keep(memory, "user_id:u2", known(2))


def test_a_change_of_others_during_the_read_does_not_matter() -> None:
    memory = viewers()
    with memory.reading() as loading:
        memory.forget(profiles={2}, identities={"user_id:u2"})
        assert memory.keep(loading, "user_id:u1", known(1))
    assert memory.get("user_id:u1") == known(1)


def test_more_changes_than_entries_are_forgotten_too() -> None:
    memory = viewers()
    keep(memory, "user_id:u5", known(5))
    keep(memory, "user_id:u200", known(200))
    memory.forget(profiles=range(100))
    assert memory.get("user_id:u5") is None
    assert memory.get("user_id:u200") == known(200)


def placement(key: str, slots: int = 1) -> rules.creatives.Placement:
    """A placement without creatives."""
    return rules.creatives.arrange(key, slots, [])


def test_a_placement_never_goes_back() -> None:
    catalogue = Catalogue()
    catalogue.put("home", 2, placement("home", slots=2))
    catalogue.put("home", 1, placement("home", slots=1))
    found = catalogue.get("home")
    assert found
    assert found.slots == 2
    catalogue.put("home", 3, None)
    catalogue.put("home", 2, placement("home"))
    assert catalogue.get("home") is None


def test_a_read_of_everything_gives_way_to_a_change_during_it() -> None:
    catalogue = Catalogue()
    touched = catalogue.touched
    catalogue.put("home", 5, placement("home"))
    assert not catalogue.replace({}, touched=touched)
    assert catalogue.get("home")
    assert catalogue.replace({}, touched=catalogue.touched)
    assert catalogue.get("home") is None


def test_news_are_told_once_and_stay_short() -> None:
    news = News()
    assert news.take() is None
    news.add(placements={"home": 3}, profiles=[2, 1], identities=["user_id:u1"])
    told = news.take()
    assert told
    assert (told.placements, told.profiles, told.identities) == ({"home": 3}, [1, 2], ["user_id:u1"])
    assert not told.everybody
    assert news.take() is None
    news.add(profiles=range(MOST + 1))
    news.add(profiles=[1], popular=True)
    told = news.take()
    assert told
    assert told.everybody
    assert told.popular
    assert told.profiles == []


def line(number: int) -> Answered:
    """A line of the log."""
    return Answered(UUID(int=number), datetime.now(UTC), None, None, "a", [Slot(p="home", r="no_match")])


def test_a_full_log_drops_and_counts_but_keeps_what_is_being_written() -> None:
    def dropped() -> float:
        return REGISTRY.get_sample_value("marquee_decisions_dropped_total") or 0.0

    before = dropped()
    log = DecisionLog(size=2)
    for number in range(3):
        log.add(line(number))
    assert dropped() == before + 1
    assert [one.id.int for one in log.first(10)] == [0, 1]
    log.written(1)
    log.add(line(3))
    assert [one.id.int for one in log.first(10)] == [1, 3]


def test_popular_lists_are_by_kind_and_without_what_is_watched() -> None:
    def item(item_id: str, kind: str, score: float) -> Recommended:
        return Recommended(item_id=item_id, kind=kind, title=item_id, score=score, reason="popular")

    popular = Popular()
    popular.replace([item("v1", "video", 9), item("l1", "live", 5), item("v2", "video", 4)])

    def best(kind: str | None, limit: int, without: str | None = None) -> list[str]:
        return [one.item_id for one in popular.best(kind=kind, limit=limit, without=without)]

    assert best(None, 10) == ["v1", "l1", "v2"]
    assert best("video", 1, without="v1") == ["v2"]
    assert best("product", 10) == []
    assert best(None, 0) == []
