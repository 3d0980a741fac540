"""Keys that outlive the root secret: made once, kept wrapped with it, and wrapped anew when it changes.

What is derived from the root secret itself changes with it. That is right for signatures that last a minute, and wrong
for what stands in the database for good: blind indexes, and the chain of the audit log.
"""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Table, exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import clock
from shared.database import after_commit, settings_of
from shared.tables import lasting_keys

PURPOSE = "lasting"
NONCE = 12
KEY_BYTES = 32

_HELD: WeakKeyDictionary[Any, dict[str, bytes]] = WeakKeyDictionary()
"""Of each database this process works on, the keys it has opened."""


class OtherSecret(Exception):
    """MARQUEE_SECRET is not the one this database was written with: set the one before as MARQUEE_PREVIOUS_SECRET"""

    outage = True
    """Nothing is wrong with whatever was being done: it waits until the operator has mended the settings."""


async def key(session: AsyncSession, purpose: str, *, since: Table) -> bytes:
    """The 32-byte key of a purpose; the first call makes it.

    Where rows of `since` are there already, they were made with the key derived from the root secret, before there were
    lasting ones: it goes on. Raises OtherSecret.
    """
    held = _HELD.setdefault(session.get_bind().engine, {})
    if purpose in held:
        return held[purpose]
    settings = settings_of(session)
    present, previous = settings.key(PURPOSE), settings.previous_key(PURPOSE)
    query = select(lasting_keys.c.wrapped).where(lasting_keys.c.purpose == purpose)
    wrapped = await session.scalar(query)
    if wrapped is None:
        begun = await session.scalar(select(exists(select(1).select_from(since))))
        made = (settings.previous_key(purpose) or settings.key(purpose)) if begun else os.urandom(KEY_BYTES)
        values = {"purpose": purpose, "wrapped": _wrap(present, purpose, made), "created_at": clock.now()}
        await session.execute(upsert(lasting_keys).values(values).on_conflict_do_nothing())
        # Somebody else may have made it meanwhile: what is stored counts.
        wrapped = await session.scalar(query)
    found = _unwrap(present, purpose, wrapped)
    if found is None and previous is not None and (found := _unwrap(previous, purpose, wrapped)) is not None:
        anew = update(lasting_keys).where(lasting_keys.c.purpose == purpose)
        await session.execute(anew.values(wrapped=_wrap(present, purpose, found)))
    if found is None:
        raise OtherSecret(f"the key for {purpose!r} does not open: {OtherSecret.__doc__}")
    opened = found
    after_commit(session, lambda: held.setdefault(purpose, opened))
    return opened


def _wrap(root: bytes, purpose: str, found: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(root).encrypt(nonce, found, purpose.encode())


def _unwrap(root: bytes, purpose: str, wrapped: bytes | None) -> bytes | None:
    try:
        return None if wrapped is None else AESGCM(root).decrypt(wrapped[:NONCE], wrapped[NONCE:], purpose.encode())
    except InvalidTag:
        return None
