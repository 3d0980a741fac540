"""What the gateway can do in its own database; one function is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gateway import store
from gateway.rules import keys as rules
from gateway.rules.keys import Key
from gateway.rules.trim import Position
from gateway.schemas import KeyMade, KeyShown, NewKey
from shared import clock
from shared.errors import Conflict, Invalid, NotFound


class UnknownKey(NotFound):
    """There is no such key"""


class LastAdminKey(Conflict):
    """This is the last admin key"""


async def make_key(session: AsyncSession, wanted: NewKey) -> KeyMade:
    """Make a key. Its text leaves here once; of a secret key only the digest stays."""
    now = clock.now()
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Invalid("is in the past", field="expires_at")
    text = rules.new(wanted.kind)
    row = await store.add_key(session, _row(text, now, wanted))
    return KeyMade(**row, key=text)


async def make_first_keys(session: AsyncSession, *, write: str | None, secret: str | None) -> None:
    """Make the keys the environment names, unless their ids are known: a revoked one stays revoked."""
    now = clock.now()
    if write:
        wanted = NewKey(kind="write", name="first write key")
        await store.add_first_key(session, _row(write, now, wanted))
    if secret:
        wanted = NewKey(kind="secret", name="first secret key", role="admin")
        await store.add_first_key(session, _row(secret, now, wanted))


def _row(text: str, now: datetime, wanted: NewKey) -> dict[str, Any]:
    read = rules.read(text)
    if read is None or read[0] != wanted.kind:
        raise ValueError(f"the {wanted.name} is not a {wanted.kind} key: pk_<id> or sk_<id>_<secret> is expected")
    return {
        "id": read[1],
        "kind": wanted.kind,
        "name": wanted.name,
        "role": wanted.role,
        "digest": rules.digest(text) if wanted.kind == "secret" else None,
        "origins": wanted.origins,
        "rate": wanted.rate,
        "created_at": now,
        "expires_at": wanted.expires_at,
    }


async def list_keys(session: AsyncSession, *, before: tuple[datetime, str] | None, limit: int) -> list[KeyShown]:
    """Keys newest first, revoked ones included."""
    return [KeyShown(**row) for row in await store.key_page(session, before=before, limit=limit)]


async def revoke_key(session: AsyncSession, key_id: str) -> None:
    """Stop a key for good. The last admin key stays: without it nobody could make another."""
    admins = [key.id for key in await live_keys(session) if key.kind == "secret" and key.role == "admin"]
    if admins == [key_id]:
        raise LastAdminKey("make another admin key first, then revoke this one")
    if not await store.revoke_key(session, key_id, clock.now()):
        raise UnknownKey(key_id)


async def live_keys(session: AsyncSession) -> list[Key]:
    """Every key that works now."""
    return [
        Key(
            id=row["id"],
            kind=row["kind"],
            role=row["role"],
            digest=row["digest"],
            origins=frozenset(row["origins"]),
            rate=row["rate"],
            expires_at=row["expires_at"],
        )
        for row in await store.live_keys(session, clock.now())
    ]


async def note_used(session: AsyncSession, used: Mapping[str, datetime]) -> None:
    """Keep when keys were last used."""
    await store.note_used(session, used)


async def note_positions(session: AsyncSession, positions: Sequence[Position]) -> None:
    """Keep how far readers are."""
    now = clock.now()
    await store.put_readers(
        session,
        [
            {
                "service": position.service,
                "stream": position.stream,
                "part": position.part,
                "created": position.created,
                "sequence": position.sequence,
                "at": now,
            }
            for position in positions
        ],
    )


async def positions(session: AsyncSession) -> list[Position]:
    """How far every reader is."""
    return [
        Position(row["service"], row["stream"], row["part"], row["created"], row["sequence"])
        for row in await store.reader_positions(session)
    ]
