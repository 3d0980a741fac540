"""Traits through the doors: definitions, ranks of sources, and corrections by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.profile.rules import definitions
from services.profile.rules.definitions import BUILT_IN
from shared import clock
from shared.contracts import ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.acts import take
from tests.profile.samples import NOON, call


async def ask(
    running: Running, method: str, path: str, body: Any = None, *, role: str = "admin", status: int = 200
) -> Any:
    answer: httpx.Response = await running.client.request(
        method, path, json=body, headers=running.headers(role, caller_id="key_1")
    )
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def traits_of(running: Running, ref: str, *, role: str = "admin") -> dict[str, Any]:
    found = await ask(running, "GET", f"/v1/profiles/{ref}/traits", role=role)
    return {one["name"]: one for one in found["traits"]}


async def test_values_are_kept_as_typed_and_what_is_refused_is_counted(running: Running) -> None:
    await take(
        running,
        call("identify", user_id="u1", traits={"gender": "女", "age": "20", "birthday": "01/02/2003", "x": {"a": 1}}),
        call("identify", user_id="u1", traits={"birthday": 7}, after=1),
        call("identify", user_id="u2", traits={"birthday": "03/02/2003"}, source="app"),
        call("identify", user_id="u3", traits={"birthday": "3.4"}, source="app"),
    )
    profile = await ask(running, "GET", "/v1/profiles/user_id:u1")
    assert profile["traits"] == {"gender": "female", "age": 20, "x": {"a": 1}}
    refused = (await ask(running, "GET", "/v1/traits/refused", role="viewer"))["items"]
    reason = "text that cannot be read as a date like 2001-12-31"
    assert [(one["name"], one["source"], one["reason"], one["count"]) for one in refused] == [
        ("birthday", "sdk:app", reason, 2),
        ("birthday", "sdk:web", "a number that cannot be read as a date like 2001-12-31", 1),
        ("birthday", "sdk:web", reason, 1),
    ]
    first = await ask(running, "GET", "/v1/traits/refused?limit=1")
    second = await ask(running, "GET", f"/v1/traits/refused?limit=2&cursor={first['next']}")
    assert first["items"] + second["items"] == refused


async def test_a_definition_counts_from_now_on_and_can_go_again(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"level": "gold"}))
    wanted = {"type": "text", "enum": ["gold", "silver"], "description": "of membership"}
    made = await ask(running, "PUT", "/v1/traits/definitions/level", wanted, role="operator")
    assert made == {"name": "level", "personal": False, "built_in": False, **wanted}
    await take(running, call("identify", user_id="u1", traits={"level": "tin"}, after=1))
    assert (await traits_of(running, "user_id:u1"))["level"]["value"] == "gold"
    names = [one["name"] for one in await ask(running, "GET", "/v1/traits/definitions", role="viewer")]
    assert names == sorted([*BUILT_IN, "level"])
    await ask(running, "DELETE", "/v1/traits/definitions/level", role="operator", status=204)
    await ask(running, "GET", "/v1/traits/definitions/level", status=404)
    await ask(running, "DELETE", "/v1/traits/definitions/level", status=404)
    await ask(running, "DELETE", "/v1/traits/definitions/gender", status=409)
    await ask(running, "PUT", "/v1/traits/definitions/bot", wanted, status=422)
    await take(running, call("identify", user_id="u1", traits={"level": "tin"}, after=2))
    assert (await traits_of(running, "user_id:u1"))["level"]["value"] == "tin"


async def test_a_built_in_definition_can_be_said_anew(running: Running) -> None:
    await ask(running, "PUT", "/v1/traits/definitions/gender", {"type": "text", "enum": ["m", "w"]})
    assert (await ask(running, "GET", "/v1/traits/definitions/gender"))["built_in"] is False
    await take(running, call("identify", user_id="u1", traits={"gender": "W"}))
    assert (await traits_of(running, "user_id:u1"))["gender"]["value"] == "w"
    await ask(running, "DELETE", "/v1/traits/definitions/gender", status=204)
    assert (await ask(running, "GET", "/v1/traits/definitions/gender"))["built_in"] is True


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/traits/definitions/x", {"type": "colour"}, "type"),
        ("/v1/traits/definitions/x", {"type": "integer", "enum": ["1"]}, "body"),
        ("/v1/traits/definitions/x", {"type": "text", "enums": ["1"]}, "enums"),
        ("/v1/traits/definitions/email", {"type": "text"}, "name"),
        ("/v1/traits/definitions/consent", {"type": "text"}, "name"),
        ("/v1/traits/sources/nobody", {"rank": 1}, "source"),
        ("/v1/traits/sources/sdk:", {"rank": 1}, "source"),
        ("/v1/traits/sources/sdk", {"rank": 1001}, "rank"),
        ("/v1/traits/sources/sdk", {}, "rank"),
    ],
)
async def test_what_is_wrong_is_named(running: Running, path: str, body: Any, field: str) -> None:
    problem = await ask(running, "PUT", path, body, status=422)
    assert problem["errors"][0]["field"] == field


async def test_a_correction_stands_against_tracking_and_is_explained(running: Running) -> None:
    await take(running, call("identify", user_id="u1", anonymous_id="a1", traits={"city": "Wuhan", "age": 3}))
    found = await ask(
        running, "PATCH", "/v1/profiles/user_id:u1/traits", {"traits": {"city": "Xi'an", "age": "41"}}, role="operator"
    )
    assert {one["name"]: one["value"] for one in found["traits"]} == {"age": 41, "city": "Xi'an"}
    later = (datetime.now(NOON.tzinfo) - NOON).total_seconds() + 600
    await take(running, call("identify", anonymous_id="a1", traits={"city": "Beijing"}, after=later))
    city = (await traits_of(running, "user_id:u1"))["city"]
    assert (city["value"], city["source"]) == ("Xi'an", "operator:key_1")
    assert [(one["origin"], one["source"], one["rank"], one["value"], one["wins"]) for one in city["candidates"]] == [
        ("user_id:u1", "operator:key_1", 200, "Xi'an", True),
        ("user_id:u1", "sdk:web", 100, "Wuhan", False),
        ("anonymous_id:a1", "sdk:web", 100, "Beijing", False),
    ]
    assert (await ask(running, "GET", "/v1/profiles/user_id:u1"))["traits"]["city"] == "Xi'an"
    told = (await eventually(lambda: _told(running, 2)))[-1]
    assert (told.version, told.traits) == (2, {"age": 41, "city": "Xi'an"})


async def _told(running: Running, count: int) -> list[ProfileUpdated]:
    told = await running.told(ProfileUpdated)
    assert len(told) >= count
    return told


async def test_a_rank_changes_what_counts_and_is_told(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"city": "Wuhan"}, source="crm"))
    await take(running, call("identify", user_id="u1", traits={"city": "Beijing"}, source="web", after=5))
    await take(running, call("identify", user_id="u2", traits={"city": "Beijing"}, source="web", after=5))
    assert (await ask(running, "PUT", "/v1/traits/sources/sdk:crm", {"rank": 150}, role="operator")) == {
        "source": "sdk:crm",
        "rank": 150,
        "default": False,
    }

    async def believed(city: str) -> None:
        last = [fact for fact in await running.told(ProfileUpdated) if fact.profile_id == 1][-1]
        assert last.traits == {"city": city}

    await eventually(lambda: believed("Wuhan"))
    assert [(one["source"], one["rank"]) for one in await ask(running, "GET", "/v1/traits/sources", role="viewer")] == [
        ("operator", 200),
        ("sdk:crm", 150),
        ("import", 100),
        ("sdk", 100),
        ("computed", 50),
    ]
    await ask(running, "PUT", "/v1/traits/sources/sdk:crm", {"rank": None})
    await eventually(lambda: believed("Beijing"))
    assert len([fact for fact in await running.told(ProfileUpdated) if fact.profile_id == 2]) == 1


async def test_personal_traits_are_hidden_from_operators_and_told_to_nobody_but_the_day_of_a_birthday(
    running: Running,
) -> None:
    await take(running, call("identify", user_id="u1", traits={"birthday": "2001-08-01", "income": 5}))
    shown = await traits_of(running, "user_id:u1", role="operator")
    assert (shown["birthday"]["value"], shown["birthday"]["candidates"][0]["value"]) == ("•••", "•••")
    assert (shown["star_sign"]["value"], shown["age"]["source"]) == ("leo", "computed:birthday")
    assert (await ask(running, "GET", "/v1/profiles/user_id:u1", role="operator"))["traits"]["birthday"] == "•••"
    assert (await traits_of(running, "user_id:u1"))["birthday"]["value"] == "2001-08-01"
    await ask(running, "PUT", "/v1/traits/definitions/income", {"type": "number", "personal": True})

    async def hidden() -> None:
        told = (await running.told(ProfileUpdated))[-1]
        age = definitions.age("2001-08-01", clock.now().date())
        assert told.traits == {"star_sign": "leo", "age": age, "birthday": "--08-01"}

    await eventually(hidden)


@pytest.mark.parametrize(
    ("traits_", "field"),
    [
        ({"age": "old"}, "traits.age"),
        ({"gender": "x"}, "traits.gender"),
        ({"consent": False}, "traits.consent"),
        ({"unsubscribed": False}, "traits.unsubscribed"),
        ({"note": "x" * 20_000}, "traits.note"),
        ({}, "traits"),
    ],
)
async def test_a_correction_that_does_not_fit_changes_nothing(running: Running, traits_: Any, field: str) -> None:
    await take(running, call("identify", user_id="u1", traits={"age": 3}))
    problem = await ask(
        running, "PATCH", "/v1/profiles/user_id:u1/traits", {"traits": {**traits_}}, role="operator", status=422
    )
    assert problem["errors"][0]["field"] == field
    assert {name: one["value"] for name, one in (await traits_of(running, "1")).items()} == {"age": 3}


async def test_contact_data_set_by_hand_is_sealed_and_masked(running: Running) -> None:
    await take(running, call("identify", user_id="u1", traits={"age": 3}))
    body = {"traits": {"email": "bob@example.com"}}
    found = await ask(running, "PATCH", "/v1/profiles/1/traits", body, role="operator")
    assert {one["name"]: one["value"] for one in found["traits"]} == {"age": 3, "email": "b•••@example.com"}
    assert (await traits_of(running, "1"))["email"]["value"] == "bob@example.com"
    async with running.db.transaction() as session:
        stored = (await session.execute(text("SELECT traits::text FROM identities"))).scalar_one()
    assert "bob" not in stored


async def test_who_may_do_what(running: Running) -> None:
    await take(running, call(user_id="u1"))
    await ask(running, "PATCH", "/v1/profiles/1/traits", {"traits": {"a": 1}}, role="viewer", status=403)
    await ask(running, "PUT", "/v1/traits/definitions/x", {"type": "text"}, role="viewer", status=403)
    await ask(running, "PUT", "/v1/traits/sources/sdk", {"rank": 1}, role="viewer", status=403)
    await ask(running, "GET", "/v1/profiles/user_id:nobody/traits", status=404)
