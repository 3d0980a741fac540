"""How long the client waits, and what it tells of a refusal."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from deploy.tools import client

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("-3", 0.0), ("9000", 300.0), ("Fri, 01 May 2026 12:00:07 GMT", 7.0)],
)
def test_the_server_says_how_long(asked: str, seconds: float) -> None:
    assert client.pause(0, asked, NOW) == seconds


@pytest.mark.parametrize("asked", [None, "soon"])
def test_otherwise_pauses_double_up_to_five_seconds(asked: str | None) -> None:
    for attempt, most in ((0, 0.1), (1, 0.2), (5, 3.2), (6, 5.0), (900, 5.0)):
        assert most / 2 <= client.pause(attempt, asked, NOW) <= most


def test_a_refusal_tells_the_servers_words() -> None:
    problem = {"title": "Not a rule", "detail": "Unknown field", "errors": [{"field": "rule.al", "message": "all?"}]}
    assert client._reason(httpx.Response(422, json=problem)) == "Not a rule: Unknown field: rule.al: all?"
    assert client._reason(httpx.Response(400, json={"code": "bad", "message": "no id"})) == "no id"
    assert client._reason(httpx.Response(502, text="<html>")) == "<html>"
