"""A patient client of the public API: it waits out restarts and rate limits, and says what was refused and why."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

AGAIN = {429, 500, 502, 503, 504}
"""Statuses that a later attempt of the same request may turn into an answer."""
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 300.0


class Refused(Exception):
    """The server understood the request and will not do it; the text is its reason."""

    def __init__(self, status: int, reason: str, listed: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.listed = listed


class NoDoor(Exception):
    """Nobody said where the gateway is or which keys to use; the text says how to."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where the gateway is, and the keys that open it."""

    url: str
    write_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message of a batch that was not kept: its place in the batch and the reason."""

    index: int
    reason: str


def data_folder() -> Path:
    """Where this installation keeps its data."""
    return Path(os.environ.get("MARQUEE_DATA") or Path(__file__).resolve().parents[2] / ".data")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which gateway is meant; without them it is the one that `./marquee up` runs."""
    parser.add_argument("--url", help="address of the gateway (default: the one running here)")
    parser.add_argument("--write-key", help="key for events (default: this installation's)")
    parser.add_argument("--secret-key", help="key for items, segments, placements (default: this installation's)")


def door(options: argparse.Namespace) -> Door:
    """The gateway the options mean. Raises NoDoor when it cannot be told."""
    url = options.url or _from_file("state.json", "url") or f"http://127.0.0.1:{os.environ.get('MARQUEE_PORT', '8080')}"
    write_key = options.write_key or _from_file("secrets.json", "write_key")
    secret_key = options.secret_key or _from_file("secrets.json", "secret_key")
    if not write_key or not secret_key:
        raise NoDoor(
            f"No keys of this installation in {data_folder()}: start it with ./marquee up, "
            "or give --write-key and --secret-key."
        )
    return Door(url=url.rstrip("/"), write_key=write_key, secret_key=secret_key)


def _from_file(name: str, field: str) -> str | None:
    try:
        value = json.loads((data_folder() / name).read_bytes()).get(field)
    except FileNotFoundError:
        return None
    return str(value) if value else None


class Client:
    """An open connection to the gateway. `on_wait(reason)` is told why it waits, and `None` when it goes on."""

    def __init__(
        self, door: Door, *, on_wait: Callable[[str | None], None] | None = None, connections: int = 8
    ) -> None:
        self.door = door
        self._say = on_wait or (lambda reason: None)
        self._http = httpx.AsyncClient(
            base_url=door.url,
            headers={"User-Agent": "marquee-tools"},
            timeout=httpx.Timeout(30.0, connect=5.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def batch(self, messages: Sequence[bytes]) -> list[Refusal]:
        """Send encoded tracking calls in one batch; the result lists those not kept. A refused batch is all of them.

        No `sentAt` goes along: it would have the gateway correct our times by the time on the way, and ours are exact.
        """
        body = b'{"batch":[' + b",".join(messages) + b"]}"
        try:
            answer = await self._send("POST", "/v1/batch", body, auth=httpx.BasicAuth(self.door.write_key, ""))
        except Refused as refused:
            if refused.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise
            return _each(refused.listed) or [Refusal(index, str(refused)) for index in range(len(messages))]
        return _each(answer.get("refused", ()))

    async def items(self, items: Sequence[bytes]) -> list[Refusal]:
        """Put encoded items into the catalogue; the result lists those not taken. A refused call is all of them."""
        body = b'{"items":[' + b",".join(items) + b"]}"
        try:
            answer = await self._send("POST", "/v1/items/bulk", body, headers=self._bearer())
        except Refused as refused:
            if refused.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise
            return [Refusal(index, str(refused)) for index in range(len(items))]
        return [Refusal(int(each["index"]), f"{each['field']}: {each['message']}") for each in answer["errors"]]

    async def call(self, method: str, path: str, body: object | None = None) -> Any:
        """One call with the secret key; the decoded answer. Raises Refused with the server's reason."""
        content = b"" if body is None else msgspec.json.encode(body)
        once = {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        return await self._send(method, path, content, headers={**self._bearer(), **once})

    async def decide(self, body: object) -> Any:
        """Ask for banners with the write key, as a front-end does."""
        content = msgspec.json.encode(body)
        return await self._send("POST", "/v1/decide", content, auth=httpx.BasicAuth(self.door.write_key, ""))

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.door.secret_key}"}

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes,
        *,
        headers: dict[str, str] | None = None,
        auth: httpx.BasicAuth | None = None,
    ) -> Any:
        """Try until it is answered, however long that takes. Asking twice is no danger: every call is idempotent."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        attempt = 0
        answer = await self._try(method, path, content, headers=sent, auth=auth)
        while isinstance(answer, str) or answer.status_code in AGAIN:
            retry_after = None if isinstance(answer, str) else answer.headers.get("Retry-After")
            why = answer if isinstance(answer, str) else f"{answer.status_code}: {_reason(answer)}"
            self._say(why)
            await asyncio.sleep(pause(attempt, retry_after, datetime.now(UTC)))
            attempt += 1
            answer = await self._try(method, path, content, headers=sent, auth=auth)
        if attempt:
            self._say(None)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Refused(answer.status_code, _reason(answer), _listed(answer))

    async def _try(
        self, method: str, path: str, content: bytes, *, headers: dict[str, str], auth: httpx.BasicAuth | None
    ) -> httpx.Response | str:
        """The answer, or in words why there was none."""
        try:
            return await self._http.request(
                method, path, content=content, headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT
            )
        except httpx.TransportError as lost:
            return f"no answer from {self.door.url} ({type(lost).__name__})"


def pause(attempt: int, retry_after: str | None, now: datetime) -> float:
    """Seconds before the next attempt: what the server asked for, at most 300, else 0.1 doubling to 5, with jitter."""
    asked = _seconds(retry_after, now) if retry_after else None
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_RETRY_AFTER)
    return min(LONGEST_PAUSE, 0.1 * 2.0 ** min(attempt, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 jitter is no secret


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Retry-After in seconds from now: a number or an HTTP date (RFC 9110, 10.2.3); None when it is neither."""
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()


def _each(refused: Sequence[dict[str, Any]]) -> list[Refusal]:
    return [Refusal(int(each["index"]), str(each["reason"])) for each in refused]


def _listed(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events a wholly refused batch names, each with its own reason."""
    try:
        listed: list[dict[str, Any]] = answer.json()["refused"]
    except (ValueError, KeyError, TypeError):
        return []
    return listed


def _reason(answer: httpx.Response) -> str:
    """What the server said: problem+json's title and detail, a tracking error's message, or the text's beginning."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:200]
    if not isinstance(body, dict):
        return answer.text[:200]
    fields = "; ".join(f"{each.get('field')}: {each.get('message')}" for each in body.get("errors") or ())
    words = [str(body[name]) for name in ("title", "detail", "message") if body.get(name)]
    return ": ".join(dict.fromkeys([*words, *([fields] if fields else [])])) or answer.text[:200]
