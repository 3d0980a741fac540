"""Idempotency-Key on unsafe calls: the effect and the remembered answer are one transaction.

An answer that shows contact data is not remembered: it would stand in clear in a table for a week, and be read again
past the audit log. That the call was made is: it has one effect, and a second call is told so.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import audit, clock
from shared.caller import HEADER, read
from shared.database import ENCLOSED
from shared.errors import Conflict, Invalid, Problem, respond
from shared.tables import idempotency

if TYPE_CHECKING:
    from datetime import datetime

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
LONGEST_KEY = 200
LONGEST_BODY = 10 * 1024 * 1024
LONGEST_ANSWER = 10 * 1024 * 1024


class KeyReused(Problem):
    """This Idempotency-Key was used with another request"""

    status = 422


class NotRemembered(Conflict):
    """This call was made, and its answer is not kept"""


class TooMuch(Problem):
    """The answer is too large to be remembered"""

    status = 422


class _Undone(Exception):
    """The answer was an error: its transaction must not stay."""


class Idempotency:
    """ASGI middleware inside a house. Two calls with one key: the second waits for the first and gets its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"]) if scope["type"] == "http" else {}
        key = headers.get(b"idempotency-key", b"").decode("latin-1")
        caller_header = headers.get(HEADER.encode(), b"").decode("latin-1")
        if not key or not caller_header or scope["method"] not in UNSAFE:
            await self.app(scope, receive, send)
            return
        try:
            answer = await self._once(scope, receive, key, caller_header)
        except Problem as problem:
            answer = respond(problem.document(), problem.headers)
        await answer(scope, receive, send)

    async def _once(self, scope: Scope, receive: Receive, key: str, caller_header: str) -> Response:
        house = scope["app"].state.house
        who = read(house.caller_key, caller_header)
        if len(key) > LONGEST_KEY:
            raise Invalid(f"at most {LONGEST_KEY} characters", field="Idempotency-Key")
        body = await _body(receive)
        target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode('latin-1')}\n"
        fingerprint = hashlib.sha256(target.encode() + body).digest()
        captured = _Captured(body)
        try:
            async with house.db.transaction() as session:
                if not await _claim(session, who.id, key, fingerprint):
                    return await _replay(session, who.id, key, fingerprint)
                scope["marquee.session"] = session
                session.info[ENCLOSED] = True
                try:
                    await self.app(scope, captured.receive, captured.send)
                except Exception as error:
                    if captured.too_much:
                        raise TooMuch("nothing was done: call without the key", field="Idempotency-Key") from error
                    raise
                if captured.status >= 400:
                    raise _Undone
                await _keep(session, who.id, key, captured)
        except _Undone:
            pass
        return captured.response()


class _Captured:
    """The request's body given again, the answer kept until its transaction has committed."""

    def __init__(self, body: bytes) -> None:
        self._request = body
        self._given = False
        self.too_much = False
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def receive(self) -> Message:
        """The body, once; then the client is gone."""
        if self._given:
            return {"type": "http.disconnect"}
        self._given = True
        return {"type": "http.request", "body": self._request, "more_body": False}

    async def send(self, message: Message) -> None:
        """Keep a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            part = message.get("body", b"")
            if len(self.body) + len(part) > LONGEST_ANSWER:
                # A file that is written while it is downloaded would be held whole in memory.
                self.too_much = True
                raise RuntimeError(f"an answer of more than {LONGEST_ANSWER} bytes")
            self.body += part

    @property
    def discloses(self) -> bool:
        """Whether the answer shows contact data, by what it has the audit log say."""
        return any(
            name.lower() == audit.HEADER.encode() and value.decode("latin-1").split(" ", 1)[0] in audit.DISCLOSING
            for name, value in self.headers
        )

    def content_type(self) -> str | None:
        """The answer's content type."""
        return next((value.decode() for name, value in self.headers if name.lower() == b"content-type"), None)

    def response(self) -> Response:
        """The answer as the route gave it."""
        answer = Response(self.body, self.status)
        answer.raw_headers = self.headers
        return answer


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LONGEST_BODY:
            raise Invalid(f"a body with an Idempotency-Key has at most {LONGEST_BODY} bytes", field="body")
        more = message.get("more_body", False)
    return b"".join(parts)


async def _claim(session: AsyncSession, caller: str, key: str, fingerprint: bytes) -> bool:
    """True when this is the first call with this key. Waits for a first call that is still going on."""
    statement = upsert(idempotency).values(caller=caller, key=key, fingerprint=fingerprint, at=clock.now())
    return (await session.execute(statement.on_conflict_do_nothing().returning(idempotency.c.key))).first() is not None


async def _replay(session: AsyncSession, caller: str, key: str, fingerprint: bytes) -> Response:
    where = (idempotency.c.caller == caller, idempotency.c.key == key)
    row: Any = (await session.execute(select(idempotency).where(*where))).one()
    if row.fingerprint != fingerprint:
        raise KeyReused("use a new key for a new request", field="Idempotency-Key")
    if row.body is None:
        raise NotRemembered(
            f"it was answered {row.status} at {row.at.isoformat(timespec='seconds')}; the answer showed contact data: "
            "read what it was about again, or make another call with another key",
            field="Idempotency-Key",
        )
    headers = {"idempotent-replay": "true"}
    return Response(row.body, row.status, headers=headers, media_type=row.content_type)


async def _keep(session: AsyncSession, caller: str, key: str, captured: _Captured) -> None:
    await session.execute(
        update(idempotency)
        .where(idempotency.c.caller == caller, idempotency.c.key == key)
        .values(
            status=captured.status,
            content_type=captured.content_type(),
            body=None if captured.discloses else captured.body,
        )
    )


async def forget(session: AsyncSession, before: datetime) -> None:
    """Drop answers older than this."""
    await session.execute(delete(idempotency).where(idempotency.c.at < before))
