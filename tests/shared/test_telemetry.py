"""Trace ids go from HTTP through the bus to what is done at its other end; logs are JSON; labels do not grow."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from fastapi import APIRouter
from prometheus_client import REGISTRY
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from shared import outbox, telemetry
from shared.answers import Answers
from shared.app import HouseDep, Session, allow
from shared.contracts import EventRecorded, ResolveAnswered, ResolveAsked
from shared.house import Service
from shared.reader import On
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.shared import toy

router = APIRouter(prefix="/v1/toys")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@router.post("", dependencies=[allow("profile:write")])
async def tell(session: Session) -> dict[str, str]:
    """Tell one fact."""
    outbox.tell(session, toy.recorded("x"))
    return {"trace": telemetry.trace.get()}


@router.get("/{name}", dependencies=[allow("profile:read")])
async def ask(name: str, house: HouseDep) -> dict[str, int]:
    """Ask over the bus."""
    return (await house.bus.ask(ResolveAsked(refs=[name]), ResolveAnswered)).profile_ids


answered: list[str] = []


async def resolve(session: AsyncSession, question: ResolveAsked) -> ResolveAnswered:
    answered.append(telemetry.trace.get())
    return ResolveAnswered(profile_ids=dict.fromkeys(question.refs, 1))


PROFILE = Service(
    name="profile", title="Toy", tables=MetaData(), routes=(router,), answers=(Answers(ResolveAsked, resolve),)
)


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    return await open_house(PROFILE)


async def test_one_trace_from_http_to_the_listener_of_another_service(
    running: Running, open_house: Callable[..., Opening]
) -> None:
    traces: list[str] = []

    async def hear(session: AsyncSession, items: list[Any]) -> None:
        traces.append(telemetry.trace.get())
        outbox.tell(session, toy.thing("k"))

    await open_house(Service(name="segment", title="S", tables=MetaData(), listeners=(On(EventRecorded, hear),)))
    answer = await running.client.post("/v1/toys", headers={"traceparent": PARENT})
    assert answer.json() == {"trace": TRACE}
    assert answer.headers["x-trace-id"] == TRACE
    await eventually(lambda: traces)
    assert traces == [TRACE]
    await eventually(lambda: _traces(running, "FACTS", 1))
    assert await _traces(running, "FACTS", 1) == [TRACE]
    await eventually(lambda: _traces(running, "THINGS", 1))
    assert await _traces(running, "THINGS", 1) == [TRACE]
    assert telemetry.trace.get() == ""


async def _traces(running: Running, stream: str, number: int) -> list[str]:
    found = [message.trace for message in await running.bus.messages(stream)]
    return found if len(found) >= number else []


async def test_a_question_carries_the_trace(running: Running) -> None:
    answered.clear()
    assert (await running.client.get("/v1/toys/a", headers={"traceparent": PARENT})).json() == {"a": 1}
    assert answered == [TRACE]


@pytest.mark.parametrize(
    "parent", ["", "x", PARENT + "-more", PARENT.upper(), "00-" + "g" * 32 + "-00f067aa0ba902b7-01"]
)
async def test_a_trace_that_is_none_is_replaced(running: Running, parent: str) -> None:
    first = (await running.client.post("/v1/toys", headers={"traceparent": parent})).json()["trace"]
    second = (await running.client.post("/v1/toys", headers={"traceparent": parent})).json()["trace"]
    assert len(first) == len(second) == 32
    assert first != second
    assert TRACE not in (first, second)


def _count(**labels: str) -> float:
    return REGISTRY.get_sample_value("marquee_http_seconds_count", labels) or 0.0


async def test_labels_do_not_grow_with_what_callers_invent(running: Running) -> None:
    before = _count(method="other", route="-", status="405") + _count(method="other", route="-", status="404")
    for method in ("INVENTED", "ANOTHER"):
        await running.client.request(method, "/v1/nothing/at/all")
    after = _count(method="other", route="-", status="405") + _count(method="other", route="-", status="404")
    assert after == before + 2
    before = _count(method="GET", route="/v1/toys/{name}", status="200")
    await running.client.get("/v1/toys/some-name")
    assert _count(method="GET", route="/v1/toys/{name}", status="200") == before + 1


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as `serve` configures it, and everything as before at the end."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configured = structlog.get_config()
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    telemetry.configure("profile", "INFO")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


def test_every_log_line_is_one_json_object(output: io.StringIO) -> None:
    log = telemetry.logger("a.module")
    token = telemetry.trace.set(TRACE)
    log.info("a sentence", number=1, when=toy.NOW, odd=object(), text="two\nlines é")
    telemetry.trace.reset(token)
    logging.getLogger("some.library").warning("theirs %s", 5)
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("failed")
    log.debug("not shown")
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["a sentence", "theirs 5", "failed"]
    assert all(line["service"] == "profile" and line["at"].endswith("Z") for line in lines)
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert [line["logger"] for line in lines] == ["a.module", "some.library", "a.module"]
    assert (lines[0]["trace"], lines[0]["number"], lines[0]["text"]) == (TRACE, 1, "two\nlines é")
    assert "trace" not in lines[1]
    assert "ValueError: inside" in lines[2]["exception"]
