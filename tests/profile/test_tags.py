"""Tags: who has them, by whose word, when they end; and who may say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.profile.actions import sizes, snapshots
from services.profile.actions import tags as actions
from shared import clock
from shared.contracts import ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.acts import ask, make, take, told, viewers
from tests.profile.samples import call


async def test_a_tag_is_made_on_trial_and_told_once_it_is_in_use(running: Running) -> None:
    await viewers(running, 2)
    made = await make(running, "动漫", adopt=False, weight=0.5, expires_after="4w")
    assert {name: made[name] for name in ("key", "name", "kind", "state", "weight", "expires_after", "size")} == {
        "key": "动漫",
        "name": "动漫",
        "kind": "manual",
        "state": "trial",
        "weight": 0.5,
        "expires_after": "4w",
        "size": 0,
    }
    (held,) = await ask(running, "PUT", "/v1/profiles/user_id:u1/tags/动漫", {})
    assert (held["weight"], held["source"], held["origin"]) == (0.5, "operator:key_1", "user_id:u1")
    lasting = datetime.fromisoformat(held["expires_at"]) - datetime.fromisoformat(held["since"])
    assert lasting == timedelta(weeks=4)
    assert all(fact.tags == [] for fact in await running.told(ProfileUpdated))
    trial = await ask(running, "GET", "/v1/profiles?tag=动漫", status=422)
    assert trial["errors"][0]["field"] == "tag"
    assert "on trial" in trial["errors"][0]["message"]
    adopted = await ask(running, "POST", "/v1/tags/动漫/adopt", {"force": True})
    assert (adopted["state"], adopted["size"]) == ("in_use", 1)
    await told(running, {1: ["动漫"], 2: []})
    await ask(running, "PUT", "/v1/profiles/2/tags/动漫", {"weight": 0.9})
    await told(running, {1: ["动漫"], 2: ["动漫"]})
    await ask(running, "POST", "/v1/tags/动漫/withdraw")
    await told(running, {1: [], 2: []})
    assert [one["key"] for one in (await ask(running, "GET", "/v1/tags?state=trial", role="viewer"))["items"]] == [
        "动漫"
    ]


async def test_the_size_of_a_large_tag_is_counted_now_and_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def size() -> int:
        listed, one = await ask(running, "GET", "/v1/tags"), await ask(running, "GET", "/v1/tags/vip")
        assert listed["items"][-1] == one
        return int(one["size"])

    await viewers(running, 3)
    await make(running, "vip")
    await ask(running, "PUT", "/v1/profiles/1/tags/vip", {})
    assert await size() == 1
    monkeypatch.setattr(sizes, "MANY", 1)
    await ask(running, "PUT", "/v1/profiles/2/tags/vip", {})
    monkeypatch.setattr(sizes, "SHARE", 1e9)
    assert await size() == 2
    await ask(running, "PUT", "/v1/profiles/3/tags/vip", {})
    assert await size() == 2
    await make(running, "other")
    await ask(running, "PUT", "/v1/profiles/3/tags/other", {})
    assert (await ask(running, "GET", "/v1/tags/other"))["size"] == 1
    sizes._sizes.clear()
    assert await size() == 3


async def test_who_loses_a_tag_is_told_and_a_version_is_never_told_twice(running: Running) -> None:
    await viewers(running, 1)
    await make(running, "vip")
    await ask(running, "PUT", "/v1/profiles/1/tags/vip", {})
    await ask(running, "DELETE", "/v1/profiles/user_id:u1/tags/vip", status=204)
    await ask(running, "DELETE", "/v1/profiles/user_id:u1/tags/vip", status=204)
    await told(running, {1: []})
    facts = await running.told(ProfileUpdated)
    assert [fact.version for fact in facts] == list(range(1, len(facts) + 1))
    assert await ask(running, "GET", "/v1/profiles/1/tags") == []


async def test_a_tag_stays_with_the_identity_it_was_given_to(running: Running) -> None:
    await take(running, call(user_id="u1", anonymous_id="a1"))
    await make(running, "vip")
    await make(running, "new")
    await ask(running, "PUT", "/v1/profiles/anonymous_id:a1/tags/vip", {})
    held = await ask(running, "PUT", "/v1/profiles/1/tags/new", {})
    assert [(one["key"], one["origin"]) for one in held] == [("new", "user_id:u1"), ("vip", "anonymous_id:a1")]
    await told(running, {1: ["new", "vip"]})
    async with running.db.transaction() as session:
        await session.execute(text("INSERT INTO profiles (version, created_at) VALUES (1, now())"))
        await session.execute(text("UPDATE identities SET profile_id = 2 WHERE origin = 'anonymous_id:a1'"))
    assert [one["key"] for one in await ask(running, "GET", "/v1/profiles/1/tags")] == ["new"]
    assert [one["key"] for one in await ask(running, "GET", "/v1/profiles/2/tags")] == ["vip"]


async def test_tags_in_use_are_in_the_snapshot_and_in_what_later_traits_tell(running: Running) -> None:
    await viewers(running, 1)
    await make(running, "vip")
    await ask(running, "PUT", "/v1/profiles/1/tags/vip", {})
    await take(running, call("identify", user_id="u1", traits={"age": 3}))
    await told(running, {1: ["vip"]})
    async with running.db.transaction() as session:
        facts, _ = await snapshots.profiles(session, None, 10)
    assert [(fact.tags, fact.traits) for fact in facts] == [(["vip"], {"age": 3})]


async def test_weights_are_told_with_the_tags_and_when_they_change(running: Running) -> None:
    await take(running, call(user_id="u1", anonymous_id="a1"))
    await make(running, "vip", weight=0.5)
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    with clock.at(late):
        await ask(running, "PUT", "/v1/profiles/user_id:u1/tags/vip", {})
    with clock.at(early):
        await ask(running, "PUT", "/v1/profiles/anonymous_id:a1/tags/vip", {"weight": 0.25})
    last = (await eventually(lambda: _facts(running, 3)))[-1]
    assert (last.tags, last.weights, last.tag_since) == (["vip"], {"vip": 0.5}, {"vip": early})
    before = last.version
    await ask(running, "PUT", "/v1/profiles/anonymous_id:a1/tags/vip", {"weight": 0.75})

    async def told_anew() -> ProfileUpdated:
        newest: ProfileUpdated = (await running.told(ProfileUpdated))[-1]
        assert newest.version > before
        return newest

    last = await eventually(told_anew)
    assert (last.weights, last.tag_since) == ({"vip": 0.75}, {"vip": early})
    async with running.db.transaction() as session:
        facts, _ = await snapshots.profiles(session, None, 10)
    assert facts == [last]


async def test_a_tag_is_given_other_words_and_stays_what_it_was(running: Running) -> None:
    made = await make(running, "vip", weight=0.5)
    other = await ask(running, "PUT", "/v1/tags/vip", {"name": "贵宾", "weight": 0.75, "expires_after": "4w"})
    changed = {"name": "贵宾", "weight": 0.75, "expires_after": "4w", "updated_at": other["updated_at"]}
    assert other == made | changed


async def _facts(running: Running, number: int) -> list[ProfileUpdated]:
    found = await running.told(ProfileUpdated)
    assert len(found) >= number
    return found


async def test_many_get_a_tag_and_what_is_wrong_stays_alone(running: Running) -> None:
    await viewers(running, 30)
    await make(running, "vip")
    refs = ["u1", "user_id:nobody", *(f"user_id:u{n}" for n in range(1, 31)), "7", "99", "user_id:u7"]
    found = await ask(running, "POST", "/v1/tags/vip/assign", {"refs": refs, "weight": 0.25})
    assert found["assigned"] == 30
    assert [(one["field"], one["ref"]) for one in found["errors"]] == [
        ("refs[0]", "u1"),
        ("refs[1]", "user_id:nobody"),
        ("refs[33]", "99"),
    ]
    assert "namespace:value" in found["errors"][0]["message"]
    await told(running, {n: ["vip"] for n in range(1, 31)})
    (held,) = await ask(running, "GET", "/v1/profiles/7/tags", role="viewer")
    assert held["weight"] == 0.25
    await ask(running, "POST", "/v1/tags/vip/assign", {"refs": ["7"] * 1001}, status=422)


async def test_a_tag_ends_on_time_and_that_is_told(running: Running) -> None:
    await viewers(running, 3)
    await make(running, "soon")
    await make(running, "later")
    ends = datetime.now(UTC) + timedelta(hours=1)
    await ask(running, "PUT", "/v1/profiles/1/tags/soon", {"expires_at": ends.isoformat()})
    await ask(running, "PUT", "/v1/profiles/2/tags/soon", {"expires_at": (ends + timedelta(hours=1)).isoformat()})
    await ask(running, "PUT", "/v1/profiles/1/tags/later", {})
    await told(running, {1: ["later", "soon"], 2: ["soon"]})
    with clock.at(ends + timedelta(seconds=1)):
        async with running.db.transaction() as session:
            await actions.expire(session)
    await told(running, {1: ["later"], 2: ["soon"]})
    # Given again after its end it begins anew.
    await ask(running, "PUT", "/v1/profiles/1/tags/soon", {})
    await told(running, {1: ["later", "soon"]})


async def test_a_deleted_tag_is_taken_from_everybody(running: Running) -> None:
    await viewers(running, 3)
    await make(running, "vip")
    await ask(running, "POST", "/v1/tags/vip/assign", {"refs": ["1", "2", "3"]})
    await told(running, {1: ["vip"], 3: ["vip"]})
    await ask(running, "DELETE", "/v1/tags/vip", status=204)
    await ask(running, "GET", "/v1/tags/vip", status=404)
    await told(running, {1: [], 2: [], 3: []})

    async def gone() -> None:
        async with running.db.transaction() as session:
            assert (await session.execute(text("SELECT count(*) FROM tags"))).scalar_one() == 0

    await eventually(gone)
    assert (await make(running, "vip", adopt=False))["size"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "/v1/tags/a b", {"name": "x"}, 422, "key"),
        ("PUT", "/v1/tags/x", {"name": "x", "kind": "magic"}, 422, "kind"),
        ("PUT", "/v1/tags/x", {"name": "x", "kind": "rule"}, 422, "body"),
        ("PUT", "/v1/tags/x", {"name": "x", "rule": {"segment": "s"}}, 422, "body"),
        ("PUT", "/v1/tags/x", {"name": "x", "kind": "rule", "rule": {"segment": "s"}}, 422, "rule.segment"),
        ("PUT", "/v1/tags/x", {"name": "x", "weight": 2}, 422, "weight"),
        ("PUT", "/v1/tags/x", {"name": "x", "expires_after": "soon"}, 422, "expires_after"),
        ("PUT", "/v1/tags/x", {"name": "x", "expires_after": "99999999w"}, 422, "expires_after"),
        ("PUT", "/v1/tags/vip", {"name": "x", "kind": "imported"}, 409, "kind"),
        ("PUT", "/v1/profiles/1/tags/none", {}, 404, None),
        ("PUT", "/v1/profiles/9/tags/vip", {}, 404, "ref"),
        ("PUT", "/v1/profiles/1/tags/vip", {"expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ("PUT", "/v1/profiles/1/tags/vip", {"expires_at": "2020-01-01T00:00:00"}, 422, "expires_at"),
        ("PUT", "/v1/profiles/1/tags/vip", {"expires_at": "9999-12-31T23:59:59-12:00"}, 422, "expires_at"),
        ("POST", "/v1/tags/vip/assign", {"refs": ["1"], "expires_at": "0001-01-01T00:00:00+14:00"}, 422, "expires_at"),
        ("PUT", "/v1/profiles/1/tags/fades", {}, 409, "key"),
        ("GET", "/v1/tags/none/validation", None, 404, None),
        ("POST", "/v1/tags/vip/adopt", {}, 409, "force"),
    ],
)
async def test_what_is_wrong_is_named(
    running: Running, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    await viewers(running, 1)
    await make(running, "vip", adopt=False)
    await make(running, "fades", adopt=False, kind="interest")
    problem = await ask(running, method, path, body, status=status)
    assert (problem.get("errors") or [{"field": None}])[0]["field"] == field


async def test_who_may_do_what(running: Running) -> None:
    await viewers(running, 1)
    await make(running, "vip", adopt=False)
    for method, path, body in (
        ("PUT", "/v1/tags/x", {"name": "x"}),
        ("DELETE", "/v1/tags/vip", None),
        ("POST", "/v1/tags/vip/adopt", {}),
        ("POST", "/v1/tags/vip/withdraw", None),
        ("POST", "/v1/tags/vip/assign", {"refs": ["1"]}),
        ("PUT", "/v1/profiles/1/tags/vip", {}),
        ("DELETE", "/v1/profiles/1/tags/vip", None),
    ):
        await ask(running, method, path, body, role="viewer", status=403)
    await ask(running, "GET", "/v1/tags/vip/validation", role="viewer")
