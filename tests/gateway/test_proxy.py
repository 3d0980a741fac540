"""The admin door: calls are streamed to the service that owns the path, in the name of the caller."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import MetaData, text

from shared.app import CallerDep, HouseDep, Service, Session, allow, create_app
from shared.errors import Conflict
from shared.leaving import Abandonable
from shared.telemetry import trace
from tests.gateway.conftest import Gateway, listening
from tests.harness.bus import TestBus
from tests.harness.databases import Databases
from tests.harness.eventually import eventually
from tests.harness.houses import admin_headers, settings_of

Opening = Callable[..., contextlib.AbstractAsyncContextManager[Gateway]]

router = APIRouter(prefix="/v1/profiles")


class Taken(Conflict):
    """It is taken"""


@router.api_route(
    "/echo/{rest:path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    dependencies=[allow("profile:read")],
    include_in_schema=False,
)
async def echo(request: Request, caller: CallerDep) -> dict[str, Any]:
    """What arrived."""
    body = await request.body()
    return {
        "method": request.method,
        "path": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "headers": dict(request.headers),
        "digest": hashlib.sha256(body).hexdigest(),
        "size": len(body),
        "caller": [caller.id, caller.role],
        "trace": trace.get(),
    }


files = APIRouter()


@files.post("/v1/imports", dependencies=[allow("profile:write")], include_in_schema=False)
async def size(request: Request) -> int:
    """How many bytes arrived."""
    return len(await request.body())


@router.post("/count", dependencies=[allow("profile:write")])
async def count(session: Session, house: HouseDep) -> dict[str, int]:
    """How often this was done."""
    house.memory["count"] += 1
    return {"count": house.memory["count"]}


@router.get("/taken", dependencies=[allow("profile:read")])
async def taken() -> None:
    """A problem of the service."""
    raise Taken("by somebody", headers={"X-Extra": "1"})


@router.get("/slowly", dependencies=[allow("profile:read")])
async def slowly(house: HouseDep) -> Response:
    """A body that takes its time; its second part waits until the first was seen."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"first\n"
        await house.memory["seen"].wait()
        yield b"second\n"

    return StreamingResponse(parts(), media_type="text/plain")


@router.get("/broken", dependencies=[allow("profile:read")])
async def broken() -> Response:
    """A body that breaks off."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"x" * 100
        raise OSError("broken off")

    return StreamingResponse(parts(), headers={"Content-Length": "1000"})


questions = APIRouter(prefix="/v1/segments/preview", route_class=Abandonable)


@questions.post("", dependencies=[allow("profile:read")], include_in_schema=False)
async def ponder(request: Request, session: Session, house: HouseDep) -> int:
    """The size of the body; for as long as it takes when it is empty braces."""
    story: list[str] = house.memory["story"]
    body = await request.body()
    if body == b"{}":
        await session.execute(text("SELECT 1"))
        story.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            story.append("ended")
    return len(body)


@contextlib.asynccontextmanager
async def memory(_: object) -> AsyncIterator[dict[str, Any]]:
    yield {"count": 0, "seen": asyncio.Event(), "story": []}


@pytest.fixture
async def service(databases: Databases, bus: TestBus) -> AsyncIterator[tuple[str, FastAPI]]:
    """A small service of the kernel that owns profile's paths."""
    small = Service(name="profile", title="Small", tables=MetaData(), routes=(router, files, questions), memory=memory)
    url = await databases.clone("profile")
    app = create_app(small, settings_of(small, database_url=url, bus=bus))
    async with listening(app) as address:
        yield address, app
    await databases.drop(url)


@pytest.fixture
async def gateway(open_gateway: Opening, service: tuple[str, FastAPI]) -> AsyncIterator[Gateway]:
    async with open_gateway(profile_url=service[0], segment_url="http://127.0.0.1:9") as opened:
        yield opened


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_call_arrives_as_it_was_made_in_the_callers_name(gateway: Gateway, method: str) -> None:
    body = b"some body" if method != "GET" else b""
    told = await gateway.admin.request(
        method,
        "/v1/profiles/echo/user_id%3Au%2F1%25?a=1&a=2&b=%20",
        content=body,
        headers={
            "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
            "X-Marquee-Caller": "me",
            "Cookie": "a=b",
            "Connection": "X-Hop",
            "X-Hop": "1",
            "X-Kept": "yes",
        },
    )
    assert told.status_code == 200
    arrived = told.json()
    assert arrived["method"] == method
    assert arrived["path"] == "/v1/profiles/echo/user_id:u%2F1%25", "a needless escape may go, the others stay"
    assert arrived["query"] == "a=1&a=2&b=%20"
    assert (arrived["size"], arrived["digest"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert arrived["caller"] == ["testsecretkey", "admin"]
    assert arrived["trace"] == "a" * 32 == told.headers["x-trace-id"]
    assert arrived["headers"]["x-kept"] == "yes"
    assert not {"authorization", "cookie", "x-hop"} & set(arrived["headers"])
    assert arrived["headers"]["x-marquee-caller"] != "me"
    assert len(told.headers.get_list("x-trace-id")) == 1


async def test_who_goes_away_takes_his_question_with_him(open_gateway: Opening, service: tuple[str, FastAPI]) -> None:
    address, app = service
    house = app.state.house
    story = house.memory["story"]
    async with open_gateway(profile_url=address, segment_url=address) as gateway:
        preview = "/v1/segments/preview"
        assert (await gateway.admin.post(preview, content=b"x" * 70_000)).json() == 70_000
        assert (await gateway.admin.post(preview, content=b"x" * (10 * 1024 * 1024 + 1))).status_code == 413
        asking = asyncio.create_task(gateway.admin.post(preview, content=b"{}"))
        await eventually(lambda: story == ["begun"])
        asking.cancel()
        await eventually(lambda: story == ["begun", "ended"])
        await eventually(lambda: house.db.engine.pool.checkedout() == 0)
        assert (await gateway.admin.post(preview, content=b"xy")).json() == 2


async def test_a_question_with_a_key_goes_on_for_who_asks_again(service: tuple[str, FastAPI]) -> None:
    address, app = service
    headers = admin_headers(app.state.house.settings) | {"Idempotency-Key": "k"}
    async with httpx.AsyncClient(base_url=address, headers=headers) as client:
        for _ in range(2):
            assert (await client.post("/v1/segments/preview", content=b"xyz")).json() == 3


async def test_problems_of_the_service_are_passed_on(gateway: Gateway) -> None:
    answer = await gateway.admin.get("/v1/profiles/taken")
    assert (answer.status_code, answer.headers["x-extra"]) == (409, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/taken"


async def test_the_service_judges_the_role(gateway: Gateway) -> None:
    made = (await gateway.admin.post("/v1/keys", json={"kind": "secret", "name": "n", "role": "viewer"})).json()["key"]
    await eventually(lambda: gateway.memory.keyring.secret(made, datetime.now(UTC)) is not None)
    headers = {"Authorization": f"Bearer {made}"}
    assert (await gateway.stranger.get("/v1/profiles/echo/x", headers=headers)).json()["caller"][1] == "viewer"
    assert (await gateway.stranger.post("/v1/profiles/count", headers=headers)).status_code == 403


async def test_without_a_key_nothing_reaches_the_service(gateway: Gateway) -> None:
    for path in ("/v1/profiles/echo/x", "/v1/segments", "/v1/services/profile/dead-letters"):
        answer = await gateway.stranger.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (await gateway.front.get("/v1/profiles/echo/x")).status_code == 401, "a write key is no secret key"


async def test_the_operations_of_a_service_are_reached(gateway: Gateway) -> None:
    answer = await gateway.admin.get("/v1/services/profile/dead-letters")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_an_idempotent_call_is_done_once_and_recorded_by_the_service(gateway: Gateway) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = await asyncio.gather(*(gateway.admin.post("/v1/profiles/count", headers=headers) for _ in range(5)))
    assert [answer.json() for answer in answers] == [{"count": 1}] * 5


async def test_a_body_streams_both_ways(gateway: Gateway, service: tuple[str, FastAPI]) -> None:
    async with gateway.admin.stream("GET", "/v1/profiles/slowly") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "first"
        service[1].state.house.memory["seen"].set()
        assert await anext(lines) == "second"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"0123456789abcdef" * 4096

    arrived = (await gateway.admin.post("/v1/profiles/echo/x", content=chunks())).json()
    assert arrived["size"] == 80 * 65_536


async def test_a_body_of_more_than_ten_megabytes_is_refused(gateway: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(180):
            yield b"x" * 65_536

    for content in (chunks(), b"x" * (10 * 1024 * 1024 + 1)):
        answer = await gateway.admin.post("/v1/profiles/echo/x", content=content)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


async def test_a_file_may_have_fifty(gateway: Gateway) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 1024 * 1024

    answer = await gateway.admin.post("/v1/imports", content=chunks(50))
    assert (answer.status_code, answer.json()) == (200, 50 * 1024 * 1024)
    assert (await gateway.admin.post("/v1/imports", content=chunks(51))).status_code == 413


async def test_a_list_of_viewers_is_a_file_too(gateway: Gateway) -> None:
    path, body = "/v1/segments/invited/uploads", b"x" * (11 * 1024 * 1024)
    # handed on, and the service is away
    assert (await gateway.admin.post(path, content=body)).status_code == 503
    assert (await gateway.admin.post(path, content=body * 5)).status_code == 413
    assert (await gateway.admin.post("/v1/segments/invited", content=body)).status_code == 413


async def test_an_answer_that_breaks_off_does_not_look_complete(gateway: Gateway) -> None:
    with pytest.raises(httpx.HTTPError):
        await gateway.admin.get("/v1/profiles/broken")


async def test_a_service_that_is_away_is_a_problem(gateway: Gateway) -> None:
    answer = await gateway.admin.get("/v1/segments")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/service-away")
    assert answer.headers["retry-after"]


async def test_dots_do_not_lead_out_of_a_prefix(gateway: Gateway) -> None:
    for path in (
        "/v1/profiles/%2e%2e/%2e%2e/metrics",
        "/v1/profiles/x%2f..%2f..%2f..%2fmetrics",
        "/v1/profiles/%2e/taken",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {gateway.admin.headers['authorization']}\r\n\r\n"
        writer.write(head.encode())
        assert b" 404 " in await reader.readline(), path
        writer.close()
        await writer.wait_closed()


async def test_a_service_that_breaks_off_is_a_problem(open_gateway: Opening) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_gateway(profile_url=f"http://127.0.0.1:{port}") as gateway:
        answer = await gateway.admin.post("/v1/profiles/echo/x", content=b"body")
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/service-broke")


@pytest.mark.parametrize("path", ["/v1/nothing", "/", "/v1/profilesx", "/v1/services/nobody/jobs/1", "/v2/profiles"])
async def test_an_unknown_path_is_a_problem(gateway: Gateway, path: str) -> None:
    answer = await gateway.admin.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_one_document_of_the_whole_house(gateway: Gateway) -> None:
    document = (await gateway.stranger.get("/openapi.json")).json()
    assert document["info"]["title"] == "Marquee"
    assert {"/v1/track", "/v1/decide", "/v1/keys", "/t/c/{token}", "/v1/profiles/taken"} <= set(document["paths"])
    assert "/v1/services/profile/dead-letters" in document["paths"]
    text = (await gateway.stranger.get("/openapi.json")).text
    for reference in {part.split('"')[0] for part in text.split('"$ref":"#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]
    track, keys = document["paths"]["/v1/track"]["post"], document["paths"]["/v1/keys"]["get"]
    assert (track["security"], keys["security"]) == ([{"writeKey": []}], [{"secretKey": []}])
    assert keys["responses"]["4XX"]["content"].keys() == {"application/problem+json"}
    assert "HTTPValidationError" not in text
    page = await gateway.stranger.get("/docs")
    assert (page.status_code, "swagger" in page.text) == (200, True)
    assert "://" not in page.text.replace("http://www.w3.org", "")  # nothing of the page comes from elsewhere
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert f"/docs/{asset}" in page.text
        assert len((await gateway.stranger.get(f"/docs/{asset}")).content) > 500


async def test_the_bus_is_documented(gateway: Gateway) -> None:
    document = (await gateway.stranger.get("/asyncapi.json")).json()
    assert document["asyncapi"].startswith(("2.", "3."))
    assert "events.received.v1" in str(document)
