"""Viewers are found by what is known of them, in every order, page by page, and never by contact data."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import search
from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.rules import search as rules
from services.profile.store import search as store
from services.profile.tables import activity, touched
from shared import pages
from shared.contracts import EventReceived, ProfileUpdated
from shared.database import Database
from shared.pages import PageAsked
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON, call


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    return await open_house(SERVICE)


async def refreshed(db: Database) -> None:
    more = True
    while more:
        async with db.transaction() as session:
            more = await search.refresh(session)


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))
    await refreshed(running.db)


async def get(running: Running, *, role: str = "viewer", status: int = 200, **query: Any) -> Any:
    answer = await running.client.get("/v1/profiles", params=query, headers=running.headers(role))
    assert answer.status_code == status, answer.text
    return answer.json()


async def found(running: Running, **query: Any) -> list[int]:
    return [one["profile_id"] for one in (await get(running, **query))["items"]]


async def test_every_filter_and_every_order(running: Running) -> None:
    await take(
        running,
        call("identify", user_id="u1", traits={"name": "Bob Stone", "age": 20, "city": "北京", "vip": True}),
        call("identify", user_id="u2", traits={"nickname": "张三丰", "age": 31, "born": "1990-05-01"}, after=60),
        call("identify", user_id="u3", traits={"firstName": "Bobby", "email": "x@example.com", "likes": ["a", "b"]}),
        *(call(user_id="u1", after=second) for second in range(10, 13)),
        call(user_id="u3", after=90),
    )
    assert await found(running) == [3, 2, 1]
    assert await found(running, sort="last_seen") == [3, 2, 1]
    assert await found(running, sort="events") == [1, 3, 2]
    assert await found(running, trait="age:gt:20") == [2]
    assert await found(running, trait="age:gte:20") == [2, 1]
    assert await found(running, trait="age:lt:31") == [1]
    assert await found(running, trait=["age:lte:31.5", "city:eq:北京"]) == [1]
    assert await found(running, trait="city:contains:京") == [1]
    assert await found(running, trait="vip:eq:true") == [1]
    assert await found(running, trait="likes:eq:b") == [3]
    assert await found(running, trait="born:lt:1991-01-01") == [2]
    assert await found(running, name="bob") == [3, 1]
    assert await found(running, name="三丰") == [2]
    assert await found(running, name="三") == [2]
    assert await found(running, name="st") == [1]
    assert await found(running, name="on") == []
    assert await found(running, name="ton") == [1]
    assert await found(running, has="email") == [3]
    assert "there is no tag 'vip'" in (await get(running, tag="vip", status=422))["errors"][0]["message"]
    assert await found(running, seen_after=(NOON + timedelta(seconds=60)).isoformat()) == [3, 2]
    assert await found(running, seen_before=(NOON + timedelta(seconds=60)).isoformat()) == [1]
    assert await found(running, seen_before=(NOON + timedelta(seconds=61)).isoformat(), sort="last_seen") == [2, 1]
    assert await found(running, q="u2") == await found(running, q="user_id:u2") == await found(running, q="2") == [2]
    assert await found(running, q="bob") == [3, 1]
    assert await found(running, q="Bob", trait="age:eq:20") == [1]
    assert await found(running, q="!") == []
    assert await found(running, trait="email:contains:example") == []


async def test_pages_in_every_order_hold_everybody_once(running: Running) -> None:
    everybody = [call("identify", user_id=f"u{n}", traits={"n": n % 3}, after=n % 7) for n in range(30)]
    await take(running, *everybody, *(call(user_id=f"u{n}", after=n % 5) for n in range(30) for _ in range(n % 4)))
    for sort in ("newest", "last_seen", "events"):
        for query in ({}, {"trait": "n:eq:1"}, {"trait": ["n:gte:1", "n:lte:1"]}, {"seen_after": NOON.isoformat()}):
            seen: list[int] = []
            cursor: str | None = None
            for _ in range(30):
                more: dict[str, Any] = {"cursor": cursor} if cursor else {}
                answer = await get(running, sort=sort, limit=4, **query, **more)
                seen += [one["profile_id"] for one in answer["items"]]
                cursor = answer["next"]
                if cursor is None:
                    break
            wanted = {n + 1 for n in range(30) if "trait" not in query or n % 3 == 1}
            assert len(seen) == len(wanted)
            assert set(seen) == wanted
            if sort == "newest":
                assert seen == sorted(seen, reverse=True)


async def test_the_index_finds_what_the_walk_finds(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [call("identify", user_id=f"u{n}", traits={"n": n, "city": f"city {n % 4}"}, after=n) for n in range(40)]
    async with db.transaction() as session:
        await absorb(session, items)
    await refreshed(db)
    wants = [
        search.wanted(traits=search.parsed(["n:gte:10", "city:eq:city 2"])),
        search.wanted(traits=search.parsed(["city:contains:ity 1"]), seen_before=NOON + timedelta(seconds=30)),
        search.wanted(seen_after=NOON + timedelta(seconds=20)),
    ]
    async with db.transaction() as session:
        for wanted in wants:
            for sort in store.ORDERS:
                walked = await store.window(session, wanted, sort, cursor=None)
                rarest, _ = await store.rarest(session, wanted)
                indexed = await store.by_index(session, wanted, sort, rarest, cursor=None, limit=100)
                assert walked.end
                assert walked.found == indexed != []
                second = await store.by_index(session, wanted, sort, rarest, cursor=indexed[3], limit=100)
                assert second == indexed[4:]
                monkeypatch.setattr(store, "FEW", 0)
                for limit in (4, 100):
                    met = await store.by_index(session, wanted, sort, rarest, cursor=indexed[1], limit=limit)
                    assert met == indexed[2 : 2 + limit]
                monkeypatch.undo()
                small = await store.window(session, wanted, sort, cursor=None, size=5)
                assert small.found == [place for place in indexed if small.edge and place >= small.edge]


@pytest.mark.parametrize(
    "sizes", [{}, {"FEW": 0}, {"FEW": 0, "WIDE": 9}, {"CAP": 2}, {"CAP": 2, "FAR": 4}, {"FEW": 99}]
)
async def test_every_way_of_filling_a_page_gives_the_same_pages(
    db: Database, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int]
) -> None:
    """Walking, walking among those who fit, and the index: only the time depends on which way is taken."""
    items = [call("identify", user_id=f"u{n}", traits={"n": n, "city": f"city {n % 4}"}, after=n) for n in range(40)]
    async with db.transaction() as session:
        await absorb(session, items)
    await refreshed(db)
    for name, value in ({"NEAR": 2, "STEP": 3, "FAR": 20} | sizes).items():
        monkeypatch.setattr(store, name, value)
    wants = {
        ("n:gte:10",): set(range(11, 41)),
        ("city:eq:city 2", "n:lt:30"): {n + 1 for n in range(2, 30, 4)},
        ("city:contains:ity 3",): {n + 1 for n in range(3, 40, 4)},
        ("city:contains:ity 3", "city:contains:city"): {n + 1 for n in range(3, 40, 4)},
    }
    async with db.transaction() as session:
        for (written, expected), sort in itertools.product(wants.items(), store.ORDERS):
            wanted = search.wanted(traits=search.parsed(written))
            seen: list[int] = []
            cursor = None
            for _ in range(20):
                place = PageAsked(4, pages.decode(cursor) if cursor else None)
                page = await search.page(session, place, q=None, wanted=wanted, sort=sort, unmasked=False)
                seen += [one.profile_id for one in page.items]
                cursor = page.next
                if cursor is None:
                    break
            assert len(seen) == len(expected)
            assert set(seen) == expected
            if sort != "events":
                assert seen == sorted(seen, reverse=True)


async def test_a_changed_trait_is_found_by_its_new_value_only(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"city": "Paris"}))
    await take(running, call("identify", user_id="u1", traits={"city": "Rome"}, after=1))
    assert await found(running, trait="city:eq:Paris") == []
    assert await found(running, trait="city:eq:Rome") == [1]
    await take(running, call("identify", user_id="u1", traits={"city": None}, after=2))
    assert await found(running, trait="city:eq:Rome") == []


async def test_the_clock_finds_what_was_touched(running: Running, eventually: Callable[..., Awaitable[Any]]) -> None:
    async with running.db.transaction() as session:
        await absorb(session, [call("identify", user_id="u1", traits={"city": "Paris"})])

    async def there() -> None:
        assert await found(running, trait="city:eq:Paris") == [1]

    await eventually(there)
    async with running.db.transaction() as session:
        assert (await session.execute(touched.select())).all() == []
        assert len((await session.execute(activity.select())).all()) == 1


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"trait": "age>3"}, "name:operator:value"),
        ({"trait": "age:gt:old"}, "compares numbers"),
        ({"trait": "$has:eq:email"}, "name of a trait"),
        ({"trait": "city:contains:!"}, "letter or a digit"),
        ({"name": "…"}, "letter or a digit"),
        ({"sort": "age"}, "newest"),
        ({"cursor": "eyJsYXN0IjoieCJ9"}, "cursor"),
        ({"seen_after": "soon"}, "seen_after"),
        ({"name": "a\0"}, "name"),
    ],
)
async def test_a_query_nobody_understands_is_refused_with_a_remedy(
    running: Running, query: dict[str, str], word: str
) -> None:
    answer = await get(running, status=422, **query)
    assert word in answer["detail"]


FEW = st.text("丽文张a b", max_size=8)
"""So few letters that some come twice."""


@given(st.text(max_size=30) | FEW, st.text(max_size=30) | FEW, st.text(min_size=1, max_size=30) | FEW)
def test_a_key_holds_every_whole_part_of_its_text(before: str, after: str, part: str) -> None:
    try:
        pattern = rules.pattern(part)
    except rules.Malformed:
        return
    assert pattern[1:-1] in rules.key(f"{before} {part} {after}")


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_any_trait_can_be_kept(traits: dict[str, Any]) -> None:
    values = rules.values(traits, has=["email"])
    assert len({(one.name, one.value) for one in values}) == len(values)


def test_two_chinese_letters_give_whole_trigrams() -> None:
    words = rules.pattern("三丰").strip("%Z").split("Z")
    assert len(words) == 2
    assert all(len(word) >= 4 for word in words)
    assert rules.key("Zhang 张-3") == f"ZzhangZ{rules.key('张').strip('Z')}Z3Z"


@given(st.text(st.characters(codec="utf-8"), max_size=4))
def test_the_mark_between_words_is_in_no_word(text: str) -> None:
    """Else a part of a name could be found that begins in the middle of a letter."""
    spaced = rules.key(" ".join(text))
    assert [one for one in re.split("[YZ]", spaced) if one] == [
        word for letter in text for word in re.split("[YZ]", rules.key(letter)) if word
    ]


def test_a_letter_has_a_word_of_one_length() -> None:
    """Whole words are found without marks around them, since none begins within another."""
    words = {word for code in range(128, sys.maxunicode + 1) for word in re.split("[YZ]", rules.key(chr(code)))}
    assert {len(word) for word in words if word.isupper()} == {4}


async def test_a_letter_that_comes_twice(running: Running) -> None:
    names = ["张丽", "张丽丽", "丽张丽", "文丽丽丽", "Lily Lily 丽"]
    await take(running, *(call("identify", user_id=f"u{n}", traits={"name": name}) for n, name in enumerate(names)))
    asked = {"丽": 5, "丽丽": 2, "丽丽丽": 1, "张丽": 3, "丽张": 1, "lily lily": 1, "ly li": 1, "y丽": 1}
    assert {name: len(await found(running, name=name)) for name in asked} == asked


async def test_who_became_one_is_found_once_with_everything(running: Running) -> None:
    await take(running, call("identify", anonymous_id="a1", traits={"city": "Rome"}), call(anonymous_id="a1"))
    await take(running, call("identify", anonymous_id="a2", traits={"name": "Bob"}), call(anonymous_id="a2"))
    assert await found(running, trait="city:eq:Rome") == [1]
    assert await found(running, name="bob") == [2]
    await take(
        running, call("identify", user_id="u1", anonymous_id="a1"), call("identify", user_id="u1", anonymous_id="a2")
    )
    both = await found(running, trait="city:eq:Rome")
    assert both == await found(running, name="bob")
    assert len(both) == 1
    assert await found(running, sort="events") == both
    assert (await get(running, q="a2"))["items"][0]["events"] == 2


CRAWLER = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}


async def walked(running: Running, **query: Any) -> list[int]:
    """The ids of all pages; an empty page is no end while there is a next one."""
    seen: list[int] = []
    cursor: str | None = None
    for _ in range(40):
        more: dict[str, Any] = {"cursor": cursor} if cursor else {}
        answer = await get(running, **query, **more)
        seen += [one["profile_id"] for one in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


async def test_programs_are_told_from_people(running: Running) -> None:
    people = [call(user_id=f"u{n}", after=n) for n in range(4)]
    programs = [call(user_id=f"b{n}", after=10 + n, context=CRAWLER) for n in range(12)]
    mixed = [call(user_id="u0", after=30, context=CRAWLER), call("identify", user_id="i", context=CRAWLER)]
    await take(running, *people, *programs, *mixed)
    assert len(await found(running)) == 17
    assert await found(running, bot=True) == [*range(16, 4, -1)]
    assert [one["bot"] for one in (await get(running, limit=3))["items"]] == [False, True, True]
    for sort in ("newest", "last_seen", "events"):
        for limit in (1, 2, 3, 50):
            shown = await walked(running, bot=False, sort=sort, limit=limit)
            assert (len(shown), set(shown)) == (5, {1, 2, 3, 4, 17}), (sort, limit)
            assert await walked(running, bot=True, sort=sort, limit=limit) == [*range(16, 4, -1)] or sort == "last_seen"
    assert await found(running, bot=False, q="b3") == [8]
    assert await found(running, bot=False, seen_after=(NOON + timedelta(seconds=10)).isoformat()) == [1]
    await take(running, call(user_id="b3", after=60))
    assert 8 in await found(running, bot=False)
    assert 8 not in await found(running, bot=True)


async def test_a_page_ends_where_programs_have_no_end(running: Running) -> None:
    await take(running, call(user_id="u"), *(call(user_id=f"b{n}", context=CRAWLER) for n in range(search.WALKS + 1)))
    first = await get(running, bot=False, limit=1)
    assert first["items"] == []
    assert [one["profile_id"] for one in (await get(running, bot=False, cursor=first["next"]))["items"]] == [1]


async def test_other_services_hear_who_is_a_program(running: Running) -> None:
    async def told() -> dict[int, Any]:
        return {fact.profile_id: fact.traits.get("bot") for fact in await running.told(ProfileUpdated)}

    await take(running, call(user_id="u1"), call(user_id="b1", context=CRAWLER))
    assert next(fact.traits.get("bot") for fact in await running.told(ProfileUpdated) if fact.profile_id == 2) is True
    assert await told() == {1: None, 2: True}
    # what a person says of himself under that name is nobody's business
    await take(running, call("identify", user_id="u1", traits={"bot": True}))
    assert await told() == {1: None, 2: True}
    # with what else is told of him, from the beginning, and until a person acts under the same id
    await take(running, call("identify", user_id="b1", traits={"city": "Rome"}, context=CRAWLER))
    last = (await running.told(ProfileUpdated))[-1]
    assert (last.traits, set(last.since)) == ({"city": "Rome", "bot": True}, {"city", "bot"})
    number = len(await running.told(ProfileUpdated))
    await take(running, call(user_id="b1", after=5, context=CRAWLER))
    assert len(await running.told(ProfileUpdated)) == number
    await take(running, call(user_id="b1", after=9))
    assert await told() == {1: None, 2: None}
    await take(running, call(user_id="b1", after=9, context=CRAWLER), call("identify", user_id="b1", traits={"a": 1}))
    assert await told() == {1: None, 2: None}
