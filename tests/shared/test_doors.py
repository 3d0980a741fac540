"""The HTTP door: permissions, callers, problems with their places, and hostile input that is never our fault."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import Field
from sqlalchemy import MetaData, insert, select
from starlette.responses import Response
from starlette.routing import Mount, Route

from shared import caller, errors
from shared.app import CallerDep, Session, Undeclared, allow, anyone, create_app, permissions
from shared.bus import BusDown
from shared.caller import HEADER, Caller
from shared.contracts import ROLES as ROLES_
from shared.house import Service
from shared.pages import Page, PageDep, encode
from shared.schemas import Input
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy

router = APIRouter(prefix="/v1/toys")


class Wheel(Input):
    """A part of a toy."""

    size: int = Field(1, ge=0)
    body: str = ""


class Toy(Input):
    """A toy."""

    name: str
    who: int = 0
    wheels: list[Wheel] = Field(default_factory=list)
    spare: Wheel | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    shown_as: str = Field("", alias="shownAs")


@router.post("", status_code=201, dependencies=[allow("segment:write")])
async def make(session: Session, body: Toy) -> dict[str, str]:
    """Make a toy."""
    await session.execute(insert(toy.noted).values(what=body.name, who=body.who))
    return {"name": body.name}


@router.get("/{name}", dependencies=[allow("segment:read")])
async def show(session: Session, name: str, least: int = 0) -> dict[str, str]:
    """A toy by its name."""
    query = select(toy.noted.c.what).where(toy.noted.c.what == name, toy.noted.c.who >= least)
    found = (await session.execute(query)).first()
    if found is None:
        raise errors.NotFound(f"no toy is named {name!r}")
    return {"name": found.what}


@router.get("", dependencies=[allow("segment:read")])
async def list_(page: PageDep, tag: Annotated[str, Query(max_length=20)] = "") -> Page[dict[str, Any]]:
    """What was asked."""
    after = page.number("id")
    return Page(items=[{"limit": page.limit, "after": after, "tag": tag}], next=encode({"id": 7}))


@router.post("/break/{how}", dependencies=[anyone("a test")])
async def break_(session: Session, how: str, who: CallerDep) -> None:
    """Fail in one of the ways."""
    if how == "bus":
        raise BusDown("away")
    if how == "network":
        raise ConnectionResetError
    if how == "bug":
        raise ZeroDivisionError("secret detail")
    raise errors.TooMany("slower", headers={"Retry-After": "3"})


SERVICE = Service(name="segment", title="Toy", tables=MetaData(), routes=(router,))


@pytest.fixture
async def running(database: Callable[[str], Any], open_house: Callable[..., Opening]) -> Running:
    return await open_house(SERVICE, database_url=await toy.add_table(await database("segment")))


def quiet(running: Running) -> httpx.AsyncClient:
    """A client that gets the server's answer to a bug, as a real one would."""
    transport = httpx.ASGITransport(app=running.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service.test", headers=running.headers("admin"))


# Permissions


def _settings() -> Any:
    return toy.settings("postgresql://none")


def _app(*routes: APIRouter) -> FastAPI:
    return create_app(Service(name="segment", title="T", tables=MetaData(), routes=routes), _settings())


def _router(dependencies: list[Any], inherited: list[Any] | None = None) -> APIRouter:
    made = APIRouter(dependencies=inherited)

    @made.get("/v1/toys/new", dependencies=dependencies)
    async def new() -> None:
        """Nothing."""

    return made


def test_a_route_says_who_may_call_it_or_the_app_does_not_start() -> None:
    with pytest.raises(Undeclared, match="/v1/toys/new"):
        _app(_router([]))
    with pytest.raises(Undeclared, match="exactly one"):
        _app(_router([allow("segment:read"), allow("segment:write")]))
    with pytest.raises(Undeclared, match="exactly one"):
        _app(_router([allow("segment:read")], [anyone("inherited")]))
    declared = permissions(_app(_router([], [allow("segment:read")])).routes)
    assert declared["GET /v1/toys/new"] == "segment:read"


@pytest.mark.parametrize("hidden", [Route("/v1/plain", lambda request: Response()), Mount("/v1/mounted", FastAPI())])
def test_plain_routes_and_mounts_cannot_hide(hidden: Any) -> None:
    made = APIRouter()
    made.routes.append(hidden)
    with pytest.raises(Undeclared):
        _app(made)


def test_every_route_of_every_house_has_a_permission_that_a_role_can_have() -> None:
    known = {permission for role in ROLES_.values() for permission in role} | {"keys:write"}
    known |= {"operations:read", "operations:write"}
    declared = permissions(_app(router).routes)
    assert declared["POST /v1/services/segment/dead-letters/{letter_id}/replay"] == "operations:write"
    for where, permission in declared.items():
        assert permission in known or permission.startswith("open: "), where


ROLES = [("viewer", 200, 403), ("operator", 200, 201), ("admin", 200, 201), ("nobody", 403, 403), ("", 403, 403)]


@pytest.mark.parametrize(("role", "reads", "writes"), ROLES)
async def test_roles(running: Running, role: str, reads: int, writes: int) -> None:
    headers = running.headers(role)
    assert (await running.client.get("/v1/toys", headers=headers)).status_code == reads
    answer = await running.client.post("/v1/toys", json={"name": "a"}, headers=headers)
    assert answer.status_code == writes
    if writes == 403:
        assert answer.json()["type"] == "/problems/forbidden"
        assert "segment:write" in answer.json()["detail"]


def _signed(key: bytes, **fields: Any) -> str:
    return caller.sign(key, Caller(**({"id": "x", "role": "admin"} | fields)))


async def test_a_caller_must_be_signed_by_the_gateway(running: Running) -> None:
    key = running.house.caller_key
    good = _signed(key)
    text, _, signature = good.partition(".")
    other = base64.urlsafe_b64encode(msgspec.json.encode(Caller(id="x", role="admin", expires=2**40))).decode()
    forged = ["", ".", "x", text, f"{text}.", f".{signature}", f"{other}.{signature}", f"{text}.{signature[:-1]}",
              f"{text[:-1]}.{signature}", good.upper(), _signed(b"another key"), "é.é"]  # fmt: skip
    forged += [good[:n] + chr(ord(good[n]) ^ 1) + good[n + 1 :] for n in range(len(good))]
    async with quiet(running) as client:
        for header in forged:
            answer = await client.get("/v1/toys", headers={HEADER.encode(): header.encode()})
            assert answer.status_code == 401, header
            assert answer.json()["type"] == "/problems/unauthorised"
        del client.headers[HEADER]
        assert (await client.get("/v1/toys")).status_code == 401
        assert (await client.get("/v1/toys", headers={HEADER: good})).status_code == 200


async def test_a_signature_ages(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    good = _signed(running.house.caller_key)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + caller.LIFETIME - 2)
    assert (await running.client.get("/v1/toys", headers={HEADER: good})).status_code == 200
    monkeypatch.setattr(time, "time", lambda: real() + caller.LIFETIME + 2)
    answer = await running.client.get("/v1/toys", headers={HEADER: good})
    assert (answer.status_code, answer.json()["detail"]) == (401, "the gateway's signature has expired")


# Problems

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"nam": "a"}, "nam", "did you mean 'name'?"),
    ({"name": "a", "zzz": 1}, "zzz", "known are name, "),
    ({"name": "a", "wheels": [{}, {"sise": 1}]}, "wheels[1].sise", "did you mean 'size'?"),
    ({"name": "a", "spare": {"bodi": ""}}, "spare.bodi", "did you mean 'body'?"),
    ({"name": "a", "spare": {"body": 3}}, "spare.body", "valid string"),
    ({"name": "a", "wheels": [{"size": -1}]}, "wheels[0].size", "greater than or equal to 0"),
    ({"name": "a", "shownAz": "x"}, "shownAz", "did you mean 'shownAs'?"),
    ({"name": 1}, "name", "valid string"),
    ({}, "name", "required"),
]


@pytest.mark.parametrize(("body", "field", "message"), WRONG)
async def test_a_problem_names_the_whole_path_of_its_field(
    running: Running, body: dict[str, Any], field: str, message: str
) -> None:
    answer = await running.client.post("/v1/toys", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (document["type"], document["title"], document["status"]) == (
        "/problems/invalid", "The request is not valid", 422,
    )  # fmt: skip
    (error,) = [one for one in document["errors"] if one["field"] == field]
    assert message in error["message"]
    assert field in document["detail"]


async def test_both_spellings_of_an_alias_are_known(running: Running) -> None:
    for name in ("shownAs", "shown_as"):
        assert (await running.client.post("/v1/toys", json={"name": "a", name: "b"})).status_code == 201


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b"[" * 5000])
async def test_a_body_that_is_no_object_is_refused(running: Running, body: bytes) -> None:
    async with quiet(running) as client:
        answer = await client.post("/v1/toys", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code == 422:
        assert answer.json()["errors"][0]["field"] == "body"


async def test_statuses_of_the_framework_are_problems_too(running: Running) -> None:
    missing = await running.client.get("/v1/nothing")
    assert (missing.status_code, missing.json()) == (
        404, {"type": "/problems/not-found", "title": "Not Found", "status": 404},
    )  # fmt: skip
    method = await running.client.put("/v1/toys")
    assert (method.status_code, method.json()["type"]) == (405, "/problems/method-not-allowed")
    assert "POST" in method.headers["allow"]


async def test_our_own_failures_say_little_and_outages_ask_to_come_back(running: Running) -> None:
    # Nothing is raised on: the server would end a connection into which the gateway writes its next call.
    client = running.client
    bug = await client.post("/v1/toys/break/bug")
    assert bug.status_code == 500
    assert "secret" not in bug.text
    assert bug.json()["type"] == "/problems/problem"
    assert bug.headers["x-trace-id"]
    for outage in ("bus", "network"):
        answer = await client.post(f"/v1/toys/break/{outage}")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
        assert answer.headers["retry-after"] == "1"
    slower = await client.post("/v1/toys/break/limit")
    assert (slower.status_code, slower.headers["retry-after"]) == (429, "3")
    assert slower.json() == {
        "type": "/problems/too-many", "title": "Too many requests", "status": 429, "detail": "slower",
    }  # fmt: skip


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
async def test_what_is_no_number_is_refused_where_it_stands(running: Running, number: str) -> None:
    body = f'{{"what": "x", "where": {{"deep": [1, {number}]}}}}'
    answer = await running.client.post("/v1/toys", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    told = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert "no number" in told.get("where.deep[1]", ""), told


# Hostile input


def _deep(levels: int) -> str:
    return '{"name": "a", "properties": {"p": ' + "[" * levels + "]" * levels + "}}"


HOSTILE_BODIES = [
    ('{"name": "a\\u0000b"}', "name"),
    ('{"name": "a", "properties": {"deep": [{"x": "\\u0000"}]}}', "properties.deep[0].x"),
    ('{"name": "a", "properties": {"k\\u0000": 1}}', "properties"),
    ('{"name": "\\ud800"}', "name"),
    ('{"na\\u0000me": "a"}', "na\x00me"),
    ('{"\\ud800": "a"}', "\ufffd\ufffd\ufffd"),
    ('{"name": "a", "who": 1099511627776}', "body"),
    ('{"name": "a", "who": 1' + "0" * 400 + "}", "body"),
    (_deep(40), "properties.p" + "[0]" * 30),
    (_deep(800), "properties.p" + "[0]" * 30),
]


@pytest.mark.parametrize(("body", "field"), HOSTILE_BODIES)
async def test_hostile_bodies_are_the_callers_mistake(running: Running, body: str, field: str) -> None:
    async with quiet(running) as client:
        answer = await client.post("/v1/toys", content=body.encode(), headers={"content-type": "application/json"})
        assert answer.status_code == 422, answer.text
        if field != "body":
            assert field in [error["field"] for error in answer.json()["errors"]]
        assert (await client.get("/v1/toys")).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/toys/a%00b", 404),
        ("/v1/toys/%00", 404),
        ("/v1/toys/%ff%fe", 404),
        ("/v1/toys/a?least=1099511627776", 422),
        ("/v1/toys/a?least=" + "9" * 5000, 422),
        ("/v1/toys?limit=0", 422),
        ("/v1/toys?limit=201", 422),
        ("/v1/toys?limit=%00", 422),
        ("/v1/toys?cursor=%00", 422),
        ("/v1/toys?cursor=" + encode({"id": "x"}), 422),
        ("/v1/toys?cursor=" + base64.urlsafe_b64encode(b'{"a":' + b"[" * 2000).decode(), 422),
        ("/v1/toys?tag=" + "x" * 21, 422),
        ("/v1/toys?limit=200&cursor=" + encode({"id": 5}), 200),
    ],
)
async def test_hostile_addresses_are_the_callers_mistake(running: Running, path: str, status: int) -> None:
    async with quiet(running) as client:
        answer = await client.get(path)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_problem_that_quotes_half_a_surrogate_pair_can_be_told() -> None:
    answer = errors.respond(errors.Invalid("\ud800", field="\udfff").document())
    assert msgspec.json.decode(bytes(answer.body).replace(b"\\ud800", b"x").replace(b"\\udfff", b"y"))["detail"] == "x"


# Health


async def test_health_readiness_and_metrics_are_open(running: Running) -> None:
    async with quiet(running) as client:
        del client.headers[HEADER]
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        metrics = await client.get("/metrics")
        assert "marquee_http_seconds_count" in metrics.text


async def test_a_house_whose_bus_or_database_is_away_is_not_ready(running: Running) -> None:
    toy.kill_nats(running.bus)
    await eventually(lambda: not running.house.bus.connected)
    answer = await running.client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the bus is not connected")
    assert (await running.client.get("/healthz")).status_code == 200
