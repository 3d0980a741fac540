"""Which calls make one viewer of two, which are refused, and that it can be seen why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event, select

from services.profile.actions import links as resolving
from services.profile.rules import links, namespaces
from services.profile.rules.events import Malformed, claim, read
from services.profile.rules.identities import Claim
from services.profile.rules.links import Group
from services.profile.rules.namespaces import Namespace
from services.profile.store import links as store
from services.profile.tables import identities, moves
from services.profile.tables import links as links_table
from shared.contracts import Fact, IdentityLinked, ProfileMerged, ProfileUpdated
from shared.database import Database
from tests.profile.samples import call

Take = Callable[..., Awaitable[list[Fact]]]

SPACES = {
    name: Namespace(name, priority, most, merges, shared, False)
    for name, priority, most, merges, shared in (
        ("user_id", 100, 1, 50, False),
        ("phone", 60, 2, 1, False),
        ("custom", 40, 2, 10, False),
        ("anonymous_id", 20, 3, 50, False),
        ("device_id", 10, 5, 10, True),
    )
}


def resolve(claims: list[Claim], groups: dict[int, set[str]], **more: Any) -> links.Plan:
    """The plan for these claims over groups that are known whole."""
    known = {origin: number for number, origins in groups.items() for origin in origins}
    held = {number: Group(set(origins), **more.get(f"g{number}", {})) for number, origins in groups.items()}
    return links.resolve(claims, known, held, SPACES)


def test_a_visitor_signs_in_and_another_user_of_his_device_is_somebody_else() -> None:
    plan = resolve(
        [
            Claim(None, ("anonymous_id:1",)),
            Claim("user_id:1", ("anonymous_id:1",)),  # signs in: joins
            Claim("user_id:2", ("anonymous_id:1",)),  # another user on his device: a profile of his own
            Claim("user_id:2", ("anonymous_id:2",)),  # his phone: linked
            Claim("user_id:1", ("anonymous_id:2",)),  # the user's, nothing is merged
            Claim(None, ("anonymous_id:2",)),
            Claim("user_id:3", ("anonymous_id:9", "anonymous_id:8")),  # joins the known one, links the other
        ],
        {70: {"anonymous_id:9"}},
    )
    assert plan.owners == [-1, -1, -2, -2, -1, -2, 70]
    assert plan.touched == {70}
    assert {(one.one, one.other): one.reason for one in plan.links.values() if one.reason} == {
        ("anonymous_id:1", "user_id:2"): "shared_device",
        ("anonymous_id:2", "user_id:1"): "shared_device",
    }
    settled = plan.settled([5, 6])
    assert settled.owners == [5, 5, 6, 6, 5, 6, 70]
    assert settled.linked["anonymous_id:2"] == 6


def test_only_who_says_so_makes_one_of_two() -> None:
    groups = {1: {"user_id:1"}, 2: {"anonymous_id:2", "device_id:2"}}
    seen = resolve([Claim("user_id:1", ("device_id:2",))], {1: {"user_id:1"}, 2: {"device_id:2"}})
    assert (seen.merges, seen.links, seen.owners) == ([], {}, [1])
    both = resolve([Claim(None, ("anonymous_id:1", "anonymous_id:2"))], groups | {1: {"anonymous_id:1"}})
    assert both.merges == []
    said = resolve([Claim("user_id:1", ("anonymous_id:2",), True), Claim(None, ("device_id:2",))], groups)
    (merge,) = said.merges
    assert (merge.gone, merge.into, merge.origins) == (2, 1, ("anonymous_id:2", "device_id:2"))
    assert said.owners == [1, 1]


@pytest.mark.parametrize(
    ("one", "other", "stays"),
    [
        ({"anonymous_id:1"}, {"user_id:2"}, 2),
        ({"user_id:1"}, {"anonymous_id:2"}, 1),
        ({"anonymous_id:1"}, {"anonymous_id:2"}, 1),
    ],
)
def test_who_survives(one: set[str], other: set[str], stays: int) -> None:
    held = {1: Group(one), 2: Group(other)}
    assert links.survivor(1, 2, held, SPACES) == links.survivor(2, 1, held, SPACES) == stays


@pytest.mark.parametrize(
    ("left", "right", "via", "reason"),
    [
        ({"user_id:1"}, {"user_id:2", "anonymous_id:2"}, "anonymous_id:2", "shared_device"),
        ({"user_id:1"}, {"user_id:2", "device_id:2"}, "device_id:2", "shared_device"),
        ({"user_id:1"}, {"user_id:2", "phone:2"}, "phone:2", "uniqueness"),
        ({"anonymous_id:1"}, {"user_id:2", "device_id:2"}, "device_id:2", "shared_device"),
        ({"anonymous_id:1"}, {"anonymous_id:2", "device_id:2"}, "device_id:2", None),
        ({"user_id:1"}, {"anonymous_id:2", "device_id:2"}, "device_id:2", None),
        ({"phone:1", "phone:3"}, {"phone:2"}, "phone:2", "limit"),
        ({"shop:1", "shop:3"}, {"shop:2"}, "shop:2", "limit"),  # nobody set it up: as custom
        ({"phone:1"}, {"phone:2"}, "phone:2", None),
    ],
)
def test_what_speaks_against_it(left: set[str], right: set[str], via: str, reason: str | None) -> None:
    assert links.refusal(SPACES, Group(left), Group(right), via) == reason


def test_a_veto_and_too_many_merges_speak_against_it() -> None:
    one, other = Group({"user_id:1"}, {(7, True)}), Group({"phone:2"}, {(7, False)})
    assert links.refusal(SPACES, one, other, "phone:2") == "veto"
    plan = resolve([Claim("user_id:1", ("phone:2",), True)], {1: {"user_id:1"}, 2: {"phone:2"}}, g1={"merges": 1})
    assert [one.reason for one in plan.links.values()] == ["limit"]
    assert plan.merges == []


def test_ids_of_a_call() -> None:
    def blind(namespace: str, value: str) -> str:
        return f"{namespace}-{value}".ljust(26, "x")[:26]

    item = call(
        "identify",
        anonymous_id="a1",
        traits={"email": "x@y.zz", "phone": "not a number"},
        context={
            "device": {"id": "d1"},
            "externalIds": [
                {"id": "13800138000", "type": "phone"},
                {"id": "s:1", "type": "shop_id"},
                {"id": "13800138001", "type": "mobile"},
                {"id": "Bob@y.zz", "type": "crm_id"},
                {"id": "wx-bob", "type": "messenger"},
                {"id": "w", "type": "weChat.openid"},
                {"id": 7, "type": "custom"},
                {"id": "", "type": "custom"},
                {"id": "x", "type": "no such name!"},
                "nonsense",
            ],
        },
    )
    hidden = namespaces.Blind(blind, frozenset({"messenger"}))
    found = namespaces.further(item, hidden)
    assert found == [
        "shop_id:s:1",
        "wechat_openid:w",
        "device_id:d1",
        f"phone:~{blind('phone', '13800138000')}",
        f"phone:~{blind('phone', '13800138001')}",
        f"email:~{blind('email', 'Bob@y.zz')}",
        f"messenger:~{blind('messenger', 'wx-bob')}",
        f"email:~{blind('email', 'x@y.zz')}",
    ]
    assert namespaces.further(item, None) == ["shop_id:s:1", "messenger:wx-bob", "wechat_openid:w", "device_id:d1"]
    assert [one for one in found if namespaces.is_contact(one)] == found[3:]


def test_a_user_and_a_visitor_in_one_call_are_one_whichever_was_known_first() -> None:
    call = Claim("user_id:1", ("anonymous_id:2", "device_id:3"))
    for known in (
        {},
        {1: {"user_id:1"}},
        {2: {"anonymous_id:2"}},
        {1: {"user_id:1"}, 2: {"anonymous_id:2"}},
        {1: {"user_id:1"}, 2: {"anonymous_id:2", "device_id:3"}},
    ):
        plan = resolve([call], {number: set(one) for number, one in known.items()})
        (home,) = set(plan.owners)
        merged = {origin for one in plan.merges for origin in one.origins}
        theirs = merged | set(plan.linked) | known.get(home, set())
        assert {"user_id:1", "anonymous_id:2", "device_id:3"} <= theirs, known
    # A visitor id that is another user's stays his.
    other = resolve([call], {1: {"user_id:1"}, 2: {"anonymous_id:2", "user_id:2"}})
    assert (other.merges, [one.reason for one in other.links.values()]) == ([], ["shared_device", None])


def test_an_alias_finds_its_former_id_among_users_and_visitors() -> None:
    said = Claim("user_id:1", ("anonymous_id:old", "device_id:d"), True, "user_id:old")
    cases: list[tuple[dict[str, int], list[Claim], str]] = [
        ({}, [], "anonymous_id:old"),
        ({"anonymous_id:old": 4}, [], "anonymous_id:old"),
        ({"user_id:old": 4}, [], "user_id:old"),
        ({"user_id:old": 4, "anonymous_id:old": 5}, [], "anonymous_id:old"),
        ({}, [Claim("user_id:old", ())], "user_id:old"),
    ]
    for known, before, expected in cases:
        assert links.chosen([*before, said], known)[-1] == Claim("user_id:1", (expected, "device_id:d"), True)


JUNK = ["null", " NULL ", "undefined", "Anonymous", "unknown", "none", "NaN", "-1", "0000-0000", "00:00:00:00:00:00"]


@pytest.mark.parametrize("value", JUNK)
def test_what_programs_write_without_an_id_is_nobodys(value: str) -> None:
    assert namespaces.is_nobodys({}, "device_id", value)
    assert namespaces.is_nobodys({}, "user_id", value)
    assert not namespaces.is_nobodys({"device_id": frozenset({"x"})}, "device_id", value)
    assert namespaces.is_nobodys({"device_id": frozenset({"x"})}, "device_id", "X")
    assert namespaces.is_nobodys({}, "anonymous_id", "0") is not namespaces.is_nobodys({}, "user_id", "0")
    one = claim(call(user_id="u1", anonymous_id=value, context={"device": {"id": value}}))
    assert one.keys == ("user_id:u1",)
    with pytest.raises(Malformed, match="nobody's id"):
        claim(call(user_id=value))


async def test_an_identify_joins_what_the_phone_and_the_shop_know(take: Take, db: Database) -> None:
    await take(call(anonymous_id="phone-1", context={"device": {"id": "d1"}}))
    await take(call("identify", user_id="u1", anonymous_id="web-1", traits={"phone": "+86 138-0013-8000"}))
    shop = {"externalIds": [{"id": "13800138000", "type": "phone"}, {"id": "s1", "type": "shop_id"}]}
    await take(call("identify", anonymous_id="shop-till", context=shop))
    told = await take(call("identify", user_id="u1", anonymous_id="phone-1"))
    merged = [fact for fact in told if isinstance(fact, ProfileMerged)]
    assert [(one.from_id, one.into_id, one.origins) for one in merged] == [
        (1, 2, ["anonymous_id:phone-1", "device_id:d1"])
    ]
    assert told[0].part == 1  # type: ignore[attr-defined]
    updated = [fact for fact in told if isinstance(fact, ProfileUpdated)]
    assert [(one.profile_id, one.cause) for one in updated] == [(2, "merge")]
    moved = [fact for fact in told if isinstance(fact, IdentityLinked)]
    assert {(one.namespace, one.value, one.profile_id, one.move) for one in moved} == {
        ("anonymous_id", "phone-1", 2, merged[0].move),
        ("device_id", "d1", 2, merged[0].move),
    }
    async with db.transaction() as session:
        rows = await session.execute(select(identities.c.origin, identities.c.profile_id))
        owners = {row.origin: row.profile_id for row in rows}
        assert len(owners) == 7
        assert set(owners.values()) == {2}
        assert not any("138" in origin for origin in owners)


async def test_a_refused_link_is_kept_with_its_cause_and_counted(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", anonymous_id="tablet"))
    for n in range(3):
        await take(call(user_id="u2", anonymous_id="tablet", message_id=f"second-{n}"))
    async with db.transaction() as session:
        rows = (await session.execute(select(links_table).order_by(links_table.c.id))).all()
    assert [(row.one, row.other, row.state, row.reason, row.times) for row in rows] == [
        ("anonymous_id:tablet", "user_id:u1", "active", None, 1),
        ("anonymous_id:tablet", "user_id:u2", "refused", "shared_device", 3),
    ]
    assert (rows[1].message_id, rows[1].type, rows[1].source) == ("second-0", "track", "web")


async def test_contact_ids_are_never_told(take: Take) -> None:
    told = await take(call("identify", user_id="u1", traits={"email": "x@y.zz"}))
    assert [fact.namespace for fact in told if isinstance(fact, IdentityLinked)] == ["user_id"]


async def test_the_delivered_namespaces(db: Database) -> None:
    async with db.transaction() as session:
        spaces = await store.spaces(session)
    assert spaces["user_id"].most == 1
    assert {name for name, one in spaces.items() if one.contact} == set(namespaces.CONTACTS)


async def test_what_is_erased_leaves_no_name(take: Take, db: Database) -> None:
    await take(call(anonymous_id="a1"), call(user_id="u1"), call("identify", user_id="u1", anonymous_id="a1"))
    await take(call(user_id="u2", anonymous_id="a1"))
    async with db.transaction() as session:
        await store.forget(session, ["anonymous_id:a1"])
        assert (await session.execute(select(links_table))).all() == []
        rows = (await session.execute(select(moves))).all()
        assert [(row.origins, row.one, row.other, row.message_id) for row in rows] == [([], None, None, None)]


async def test_known_ids_are_cheap(take: Take, db: Database) -> None:
    """Calls whose ids are known and of one profile cost one statement to resolve, however many they are."""
    batch = [call("identify", user_id=f"u{n}", anonymous_id=f"a{n}", context={"device": {"id": "d"}}) for n in range(9)]
    await take(batch[0])
    seen: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    async with db.transaction() as session:
        calls = [read(call(user_id="u0", anonymous_id="a0", context={"device": {"id": "d"}})) for _ in range(50)]
        _, plan = await resolving.settle(session, calls)
    assert plan.owners == [1] * 50
    assert len(seen) == 1, seen
    await take(*batch)
    seen.clear()
    async with db.transaction() as session:
        await resolving.settle(session, [read(item) for item in batch])
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)
    assert len(seen) <= 7, seen  # the refused device of eight users: looked at again, as one set
