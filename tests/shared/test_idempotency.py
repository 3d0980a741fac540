"""Idempotency-Key: one key, one effect, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from sqlalchemy import MetaData, insert, select, text

from shared import audit, clock, idempotency, outbox
from shared.app import Session, allow
from shared.errors import Conflict
from shared.house import Service
from shared.schemas import Input
from shared.tables import idempotency as answers
from tests.harness.houses import Opening, Running
from tests.shared import toy

router = APIRouter(prefix="/v1/toys")


class Toy(Input):
    """What a toy is made of."""

    name: str
    wait: float = 0
    refuse: bool = False
    explode: bool = False


@router.post("", status_code=201, dependencies=[allow("segment:write")])
async def make(session: Session, toy_: Toy, response: Response) -> dict[str, Any]:
    """Make a toy; its number differs at every making."""
    row = (await session.execute(insert(toy.noted).values(what=toy_.name, who=0).returning(toy.noted.c.id))).one()
    outbox.tell(session, toy.thing(toy_.name))
    await asyncio.sleep(toy_.wait)
    if toy_.refuse:
        raise Conflict("not now")
    if toy_.explode:
        raise RuntimeError("a bug")
    return {"number": row.id, "name": toy_.name}


@router.delete("/{name}", status_code=204, dependencies=[allow("segment:write")])
async def drop(session: Session, name: str) -> None:
    """Drop all toys of this name."""
    await session.execute(toy.noted.delete().where(toy.noted.c.what == name))


@router.post("/shown", dependencies=[allow("segment:write")])
async def show(session: Session, toy_: Toy, response: Response) -> dict[str, str]:
    """Make a toy and show whose it is, which the audit log is told."""
    await session.execute(insert(toy.noted).values(what=toy_.name, who=0))
    audit.note(response, "contacts.read", ["profile:1"])
    return {"owner": "bob@example.com"}


@router.post("/file", dependencies=[allow("segment:write")])
async def write(session: Session, toy_: Toy) -> StreamingResponse:
    """A file that is written while it is downloaded."""
    await session.execute(insert(toy.noted).values(what=toy_.name, who=0))

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * 1024 * 1024

    return StreamingResponse(pieces())


SERVICE = Service(name="segment", title="Toy", tables=MetaData(), routes=(router,))


@pytest.fixture
async def running(database: Callable[[str], Any], open_house: Callable[..., Opening]) -> Running:
    return await open_house(SERVICE, database_url=await toy.add_table(await database("segment")))


async def made(running: Running) -> list[str]:
    async with running.db.transaction() as session:
        return list((await session.scalars(select(toy.noted.c.what).order_by(toy.noted.c.id))).all())


def key(text_: str) -> dict[str, str]:
    return {"Idempotency-Key": text_}


async def test_thirty_calls_at_once_have_one_effect_and_one_answer(running: Running) -> None:
    body = {"name": "once", "wait": 0.05}
    calls = [running.client.post("/v1/toys", json=body, headers=key("k")) for _ in range(30)]
    answers_ = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers_} == {201}
    assert len({answer.content for answer in answers_}) == 1
    assert len({answer.headers["content-type"] for answer in answers_}) == 1
    assert sum(answer.headers.get("idempotent-replay") == "true" for answer in answers_) == 29
    assert await made(running) == ["once"]
    async with running.db.transaction() as session:
        assert await session.scalar(text("SELECT coalesce(sum(n), 0) FROM outbox_numbers")) == 1


async def test_without_a_key_every_call_counts(running: Running) -> None:
    for _ in range(2):
        assert (await running.client.post("/v1/toys", json={"name": "twice"})).status_code == 201
    assert await made(running) == ["twice", "twice"]


async def test_an_error_is_not_kept_and_leaves_nothing(running: Running) -> None:
    refused = await running.client.post("/v1/toys", json={"name": "a", "refuse": True}, headers=key("k"))
    assert refused.status_code == 409
    assert refused.json() == {
        "type": "/problems/conflict",
        "title": "It is in the way of something that exists",
        "status": 409,
        "detail": "not now",
    }
    broken = await running.client.post("/v1/toys", json={"name": "a", "explode": True}, headers=key("k"))
    assert (broken.status_code, "a bug" in broken.text) == (500, False)
    invalid = await running.client.post("/v1/toys", json={"nam": "a"}, headers=key("k"))
    assert invalid.status_code == 422
    assert await made(running) == []
    good = await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k"))
    assert good.status_code == 201
    assert "idempotent-replay" not in good.headers
    assert await made(running) == ["a"]


async def test_another_request_under_the_same_key_is_refused(running: Running) -> None:
    first = await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k"))
    assert first.status_code == 201
    other = await running.client.post("/v1/toys", json={"name": "b"}, headers=key("k"))
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/key-reused"
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    elsewhere = await running.client.delete("/v1/toys/a", headers=key("k"))
    assert elsewhere.status_code == 422
    assert await made(running) == ["a"]


async def test_keys_of_different_callers_are_different_keys(running: Running) -> None:
    for caller in ("one", "two"):
        headers = running.headers("operator", caller_id=caller) | key("k")
        answer = await running.client.post("/v1/toys", json={"name": caller}, headers=headers)
        assert answer.status_code == 201
    assert await made(running) == ["one", "two"]


async def test_an_empty_answer_is_replayed(running: Running) -> None:
    await running.client.post("/v1/toys", json={"name": "a"})
    first = await running.client.delete("/v1/toys/a", headers=key("d"))
    await running.client.post("/v1/toys", json={"name": "a"})
    again = await running.client.delete("/v1/toys/a", headers=key("d"))
    assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
    assert again.headers["idempotent-replay"] == "true"
    assert await made(running) == ["a"]


async def test_who_may_not_call_does_not_learn_or_keep_anything(running: Running) -> None:
    await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k"))
    forged = {"x-marquee-caller": "Zm9v.0000"} | key("k")
    assert (await running.client.post("/v1/toys", json={"name": "a"}, headers=forged)).status_code == 401
    viewer = running.headers("viewer", caller_id="v") | key("v")
    assert (await running.client.post("/v1/toys", json={"name": "b"}, headers=viewer)).status_code == 403
    async with running.db.transaction() as session:
        assert (await session.scalars(select(answers.c.key))).all() == ["k"]


async def test_a_key_and_a_body_have_their_limits(running: Running) -> None:
    long = await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k" * 201))
    assert long.status_code == 422
    huge = await running.client.post("/v1/toys", content=b"x" * (10 * 1024 * 1024 + 1), headers=key("k"))
    assert huge.status_code == 422
    assert await made(running) == []


async def test_an_answer_that_shows_contact_data_has_its_effect_once_and_is_not_kept(running: Running) -> None:
    first = await running.client.post("/v1/toys/shown", json={"name": "a"}, headers=key("k"))
    assert first.json() == {"owner": "bob@example.com"}
    assert first.headers[audit.HEADER] == "contacts.read profile:1"
    again = await running.client.post("/v1/toys/shown", json={"name": "a"}, headers=key("k"))
    assert again.status_code == 409
    assert again.json()["type"] == "/problems/not-remembered"
    assert "was answered 200" in again.json()["detail"]
    assert await made(running) == ["a"]
    async with running.db.transaction() as session:
        assert [(row.status, row.body) for row in await session.execute(select(answers))] == [(200, None)]


async def test_an_answer_that_is_too_large_to_be_remembered_does_nothing(running: Running) -> None:
    answer = await running.client.post("/v1/toys/file", json={"name": "a"}, headers=key("k"))
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/too-much"
    assert await made(running) == []
    plain = await running.client.post("/v1/toys/file", json={"name": "a"})
    assert len(plain.content) == 12 * 1024 * 1024


async def test_answers_are_forgotten_after_their_time(running: Running) -> None:
    await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k"))
    async with running.db.transaction() as session:
        await idempotency.forget(session, clock.now() - timedelta(days=7))
        assert len((await session.execute(select(answers))).all()) == 1
        await idempotency.forget(session, clock.now() + timedelta(seconds=1))
        assert (await session.execute(select(answers))).all() == []


async def test_the_metrics_name_the_route_of_a_call_with_a_key(running: Running) -> None:
    labels = {"method": "POST", "route": "/v1/toys", "status": "201"}
    before = REGISTRY.get_sample_value("marquee_http_seconds_count", labels) or 0
    await running.client.post("/v1/toys", json={"name": "a"}, headers=key("k"))
    assert REGISTRY.get_sample_value("marquee_http_seconds_count", labels) == before + 1
