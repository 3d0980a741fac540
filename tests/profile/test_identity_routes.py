"""Identity over HTTP: why ids are one viewer, taking them apart, putting them together, namespaces."""

from __future__ import annotations

from typing import Any

import httpx

from services.profile.actions.events import absorb
from shared.contracts import EventReceived, IdentityLinked, ProfileMerged, ProfileSplit, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.samples import call


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def get(running: Running, path: str, status: int = 200) -> Any:
    answer: httpx.Response = await running.client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


async def post(running: Running, path: str, body: dict[str, Any], status: int = 200, **query: Any) -> Any:
    answer = await running.client.post(path, json=body, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def grown(running: Running) -> None:
    """Profile 1: the visitor; profile 2: u1 with his phone; then they are one, and u2 uses the tablet."""
    await take(running, call(anonymous_id="tablet"), call(anonymous_id="tablet", after=1))
    await take(running, call("identify", user_id="u1", traits={"phone": "13800138000", "city": "Wuhan"}))
    await take(running, call("identify", user_id="u1", anonymous_id="tablet", message_id="login", after=5))
    await take(running, call(user_id="u2", anonymous_id="tablet", message_id="guest", after=9))


async def test_why_they_are_one_viewer(running: Running) -> None:
    await grown(running)
    found = await get(running, "/v1/profiles/user_id:u1/identity")
    assert found == await get(running, "/v1/profiles/1/identity")  # the old id leads there
    assert found == await get(running, "/v1/profiles/phone:+86 138-0013-8000/identity")
    assert found["profile_id"] == 2
    assert [one["namespace"] for one in found["ids"]] == ["user_id", "phone", "anonymous_id"]
    assert "138" not in str(found)
    assert {(one["one"][:7], one["other"], one["state"]) for one in found["links"]} == {
        ("phone:~", "user_id:u1", "active"),
        ("anonymo", "user_id:u1", "active"),
    }
    (refused,) = found["refused"]
    assert (refused["other"], refused["reason"], refused["cause"]["message_id"]) == (
        "user_id:u2",
        "shared_device",
        "guest",
    )
    assert "another user is known by it" in refused["explanation"]
    (merge,) = found["history"]
    assert (merge["kind"], merge["from_id"], merge["into_id"], merge["message_id"]) == ("merge", 1, 2, "login")
    assert merge["explanation"] == (
        "Profile 1 with anonymous_id:tablet became part of profile 2:"
        " an identify from web named anonymous_id:tablet and user_id:u1 together."
    )
    assert found["formerly"] == [1]


async def test_a_split_gives_back_what_was_merged_and_no_identify_glues_it_again(running: Running) -> None:
    await grown(running)
    wanted = {"origins": ["anonymous_id:tablet"], "reason": "the family's tablet"}
    foreseen = await post(running, "/v1/profiles/user_id:u1/split", wanted, dry_run=True)
    assert (foreseen["dry_run"], foreseen["into_id"], foreseen["events"], foreseen["move"]) == (True, 1, 2, None)
    assert (await get(running, "/v1/profiles/anonymous_id:tablet"))["profile_id"] == 2

    done = await post(running, "/v1/profiles/user_id:u1/split", wanted)
    assert (done["into_id"], done["events"]) == (1, 2)
    tablet = await get(running, "/v1/profiles/anonymous_id:tablet")
    assert (tablet["profile_id"], tablet["events"], tablet["traits"]) == (1, 2, {})
    u1 = await get(running, "/v1/profiles/user_id:u1")
    assert (u1["profile_id"], u1["events"], u1["traits"]["city"]) == (2, 0, "Wuhan")
    assert len((await get(running, "/v1/profiles/1/events"))["items"]) == 2

    await take(running, call("identify", user_id="u1", anonymous_id="tablet", after=20))
    assert (await get(running, "/v1/profiles/anonymous_id:tablet"))["profile_id"] == 1
    found = await get(running, "/v1/profiles/user_id:u1/identity")
    assert [(one["one"], one["state"], one["reason"]) for one in found["refused"]] == [
        ("anonymous_id:tablet", "vetoed", "veto")
    ]
    assert "an operator has taken them apart" in found["refused"][0]["explanation"]
    assert [one["kind"] for one in found["history"]] == ["merge", "split"]
    assert "the family's tablet" in found["history"][1]["explanation"]

    both = {"from": "anonymous_id:tablet", "into": "2", "reason": "it is his after all"}
    assert (await post(running, "/v1/profiles/merge", both, dry_run=True))["vetoes_lifted"] is True
    assert (await post(running, "/v1/profiles/merge", both))["into_id"] == 2
    assert (await get(running, "/v1/profiles/anonymous_id:tablet"))["profile_id"] == 2

    async def told() -> None:
        facts = await running.told()
        moves = [fact for fact in facts if isinstance(fact, ProfileMerged | ProfileSplit)]
        assert [(type(fact), fact.from_id, fact.into_id) for fact in sorted(moves, key=lambda one: one.move)] == [
            (ProfileMerged, 1, 2),
            (ProfileSplit, 2, 1),
            (ProfileMerged, 1, 2),
        ]
        links = [fact for fact in facts if isinstance(fact, IdentityLinked) and fact.value == "tablet"]
        assert [fact.profile_id for fact in sorted(links, key=lambda one: one.move)] == [1, 2, 1, 2]
        versions = [fact.version for fact in facts if isinstance(fact, ProfileUpdated) and fact.profile_id == 1]
        assert versions == sorted(set(versions))

    await eventually(told)


async def test_ids_that_came_from_nowhere_get_a_new_profile(running: Running) -> None:
    await take(running, call("identify", user_id="u1", anonymous_id="a1"), call(anonymous_id="a1"))
    wanted = {"origins": ["anonymous_id:a1"], "reason": "a friend's"}
    assert (await post(running, "/v1/profiles/1/split", wanted, dry_run=True))["into_id"] is None
    assert (await post(running, "/v1/profiles/1/split", wanted))["into_id"] == 2
    assert (await get(running, "/v1/profiles/anonymous_id:a1"))["events"] == 1


async def test_what_cannot_be(running: Running) -> None:
    await grown(running)
    alien = {"origins": ["user_id:u1", "user_id:u2"], "reason": "x"}
    problem = await post(running, "/v1/profiles/2/split", alien, 422)
    assert problem["errors"][0]["field"] == "origins[1]"
    assert "anonymous_id:tablet" in problem["detail"]
    ids = [one["origin"] for one in (await get(running, "/v1/profiles/2/identity"))["ids"]]
    assert (await post(running, "/v1/profiles/2/split", {"origins": ids, "reason": "x"}, 409))["type"].endswith(
        "nothing-left"
    )
    two = {"from": "user_id:u2", "into": "user_id:u1", "reason": "one person"}
    assert "at most 1" in (await post(running, "/v1/profiles/merge", two, 409))["detail"]
    same = {"from": "1", "into": "2", "reason": "x"}
    assert (await post(running, "/v1/profiles/merge", same, 409))["type"].endswith("same-profile")
    nobody = {"from": "user_id:nobody", "into": "2", "reason": "x"}
    assert (await post(running, "/v1/profiles/merge", nobody, 404))["errors"][0]["field"] == "from"
    await post(running, "/v1/profiles/2/split", {"origins": ["user_id:u1"]}, 422)
    for path, body in (("/v1/profiles/2/split", alien), ("/v1/profiles/merge", two)):
        answer = await running.client.post(path, json=body, headers=running.headers("viewer"))
        assert answer.status_code == 403


async def test_namespaces(running: Running) -> None:
    names = [one["name"] for one in await get(running, "/v1/namespaces")]
    assert names[:2] == ["user_id", "wechat_openid"]
    assert (await get(running, "/v1/namespaces/phone"))["contact"] is True
    await get(running, "/v1/namespaces/bilibili_uid", 404)
    wanted = {"priority": 75, "most": 1, "merges_per_day": 5}
    answer = await running.client.put("/v1/namespaces/bilibili_uid", json=wanted)
    assert answer.json() | wanted == answer.json()
    assert (await running.client.put("/v1/namespaces/No!", json=wanted)).status_code == 422
    assert (await running.client.put("/v1/namespaces/x", json=wanted | {"most": 0})).status_code == 422
    one, other = ({"externalIds": [{"id": str(n), "type": "bilibili_uid"}]} for n in (1, 2))
    await take(running, call(anonymous_id="a1", context=one), call(anonymous_id="a1", context=other))
    (refused,) = (await get(running, "/v1/profiles/anonymous_id:a1/identity"))["refused"]
    assert (refused["other"], refused["reason"]) == ("bilibili_uid:2", "uniqueness")
