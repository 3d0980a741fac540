"""Every SQL statement of the gateway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, and_, bindparam, cast, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.rules.audit import BEGINNING
from gateway.rules.operators import Try
from gateway.tables import audit, keys, operator_sessions, operators, readers, sign_in_tries

_KEY_COLUMNS = tuple(column for column in keys.c if column.name != "digest")


async def live_keys(session: AsyncSession, now: datetime) -> Sequence[RowMapping]:
    """Every key that works now, with its digest."""
    query = select(keys).where(keys.c.revoked_at.is_(None), or_(keys.c.expires_at.is_(None), keys.c.expires_at > now))
    return (await session.execute(query)).mappings().all()


async def key_page(session: AsyncSession, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[RowMapping]:
    """Keys without their digests, newest first, after the one made at `before` with that id."""
    query = select(*_KEY_COLUMNS).order_by(keys.c.created_at.desc(), keys.c.id.desc()).limit(limit)
    if before is not None:
        made, key_id = before
        query = query.where(
            or_(keys.c.created_at < made, and_(keys.c.created_at == made, keys.c.id < key_id)),
        )
    return (await session.execute(query)).mappings().all()


async def add_key(session: AsyncSession, values: Mapping[str, Any]) -> RowMapping:
    """Insert a key; the answer has no digest."""
    return (await session.execute(insert(keys).values(**values).returning(*_KEY_COLUMNS))).mappings().one()


async def add_first_key(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Insert a key unless its id is taken, also by a revoked one; whether it was inserted."""
    statement = upsert(keys).values(**values).on_conflict_do_nothing().returning(keys.c.id)
    return (await session.execute(statement)).first() is not None


async def revoke_key(session: AsyncSession, key_id: str, now: datetime) -> bool:
    """Mark a key as revoked from now on, or from when it was first; False when there is none."""
    statement = (
        update(keys)
        .where(keys.c.id == key_id)
        .values(revoked_at=func.coalesce(keys.c.revoked_at, now))
        .returning(keys.c.id)
    )
    return (await session.execute(statement)).first() is not None


async def note_used(session: AsyncSession, used: Mapping[str, datetime]) -> None:
    """Move `last_used_at` of these keys forward."""
    ids = sorted(used)
    told = (
        func.unnest(
            cast(bindparam("ids", ids), ARRAY(Text)),
            cast(bindparam("times", [used[key_id] for key_id in ids]), ARRAY(TIMESTAMP(timezone=True))),
        )
        .table_valued("id", "at")
        .render_derived()
    )
    statement = (
        update(keys)
        .where(keys.c.id == told.c.id)
        .values(last_used_at=func.greatest(func.coalesce(keys.c.last_used_at, told.c.at), told.c.at))
    )
    await session.execute(statement)


async def put_readers(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write how far readers are. A position never goes back within one incarnation of its stream."""
    statement = upsert(readers).values(list(rows))
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["service", "stream", "part"],
        set_={"created": new.created, "sequence": new.sequence, "at": new.at},
        where=or_(readers.c.created != new.created, readers.c.sequence < new.sequence),
    )
    await session.execute(statement)


async def reader_positions(session: AsyncSession) -> Sequence[RowMapping]:
    """How far every reader is."""
    return (await session.execute(select(readers))).mappings().all()


async def end_of_audit(session: AsyncSession) -> tuple[int, bytes]:
    """Number and proof of the last line of the audit log; nobody else adds one until the commit."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("gateway.audit", 0))))
    row = (await session.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1))).first()
    return (row.id, row.hash) if row is not None else (0, BEGINNING)


async def add_audit(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Add a line to the audit log."""
    await session.execute(insert(audit).values(**values))


async def audit_after(session: AsyncSession, after: int, *, limit: int) -> Sequence[RowMapping]:
    """Lines of the audit log in order."""
    query = select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(limit)
    return (await session.execute(query)).mappings().all()


async def audit_page(
    session: AsyncSession, *, before: int | None, limit: int, action: str | None, actor: str | None, about: str | None
) -> Sequence[RowMapping]:
    """Lines of the audit log, the last first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if action is not None:
        query = query.where(audit.c.action == action)
    if actor is not None:
        query = query.where(audit.c.actor == actor)
    if about is not None:
        query = query.where(audit.c.objects.op("@>")(cast([about], ARRAY(Text))))
    return (await session.execute(query)).mappings().all()


_OPERATOR_COLUMNS = tuple(column for column in operators.c if column.name != "password")


async def operator_page(session: AsyncSession, *, after: str | None, limit: int) -> Sequence[RowMapping]:
    """Accounts without their passwords, by login."""
    query = select(*_OPERATOR_COLUMNS).order_by(operators.c.login).limit(limit)
    if after is not None:
        query = query.where(operators.c.login > after)
    return (await session.execute(query)).mappings().all()


async def operator(session: AsyncSession, operator_id: str) -> RowMapping | None:
    """One account without its password, locked until the commit."""
    query = select(*_OPERATOR_COLUMNS).where(operators.c.id == operator_id).with_for_update()
    return (await session.execute(query)).mappings().first()


async def account(
    session: AsyncSession, *, login: str | None = None, operator_id: str | None = None
) -> RowMapping | None:
    """One account with its password hash, by login or by id."""
    where = operators.c.login == login if operator_id is None else operators.c.id == operator_id
    return (await session.execute(select(operators).where(where))).mappings().first()


async def any_operator(session: AsyncSession) -> bool:
    """Whether there is an account at all."""
    return (await session.execute(select(operators.c.id).limit(1))).first() is not None


async def add_operator(session: AsyncSession, values: Mapping[str, Any]) -> RowMapping | None:
    """Insert an account; None when its login is taken."""
    statement = (
        upsert(operators)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["login"])
        .returning(*_OPERATOR_COLUMNS)
    )
    return (await session.execute(statement)).mappings().first()


async def change_operator(session: AsyncSession, operator_id: str, values: Mapping[str, Any]) -> RowMapping:
    """Change an account that is there."""
    statement = update(operators).where(operators.c.id == operator_id).values(**values).returning(*_OPERATOR_COLUMNS)
    return (await session.execute(statement)).mappings().one()


async def active_admins(session: AsyncSession) -> set[str]:
    """Ids of the admins who can sign in, locked until the commit, so that two cannot leave side by side."""
    query = select(operators.c.id).where(operators.c.role == "admin", operators.c.active).order_by(operators.c.id)
    return set((await session.execute(query.with_for_update())).scalars())


async def operator_names(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """Names of operators and of keys, by id."""
    wanted = list(ids)
    people = select(operators.c.id, operators.c.name).where(operators.c.id.in_(wanted))
    machines = select(keys.c.id, keys.c.name).where(keys.c.id.in_(wanted))
    return {row.id: row.name for row in await session.execute(people.union_all(machines))}


async def add_session(session: AsyncSession, digest: bytes, operator_id: str, now: datetime) -> None:
    """Insert a session, and note that its operator was here."""
    values = {"digest": digest, "operator_id": operator_id, "created_at": now, "used_at": now}
    await session.execute(insert(operator_sessions).values(**values))
    await session.execute(update(operators).where(operators.c.id == operator_id).values(last_seen_at=now))


async def seat(session: AsyncSession, digest: bytes) -> RowMapping | None:
    """A session with its operator, if he is active."""
    query = (
        select(*_OPERATOR_COLUMNS, operator_sessions.c.created_at.label("since"), operator_sessions.c.used_at)
        .join(operators, operators.c.id == operator_sessions.c.operator_id)
        .where(operator_sessions.c.digest == digest, operators.c.active)
    )
    return (await session.execute(query)).mappings().first()


async def touch_session(session: AsyncSession, digest: bytes, operator_id: str, now: datetime) -> None:
    """Note that a session was used."""
    await session.execute(update(operator_sessions).where(operator_sessions.c.digest == digest).values(used_at=now))
    await session.execute(update(operators).where(operators.c.id == operator_id).values(last_seen_at=now))


async def end_session(session: AsyncSession, digest: bytes) -> None:
    """End one session."""
    await session.execute(delete(operator_sessions).where(operator_sessions.c.digest == digest))


async def end_sessions(session: AsyncSession, operator_id: str) -> None:
    """End all sessions of an operator."""
    await session.execute(delete(operator_sessions).where(operator_sessions.c.operator_id == operator_id))


async def tries(session: AsyncSession, account: bytes, address: bytes, *, since: datetime) -> list[Try]:
    """The last tries for an account or from an address, oldest first.

    Nobody else counts for either of them until the commit: tries side by side are counted one after the other.
    """
    for name in sorted((account, address)):
        await session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(name[:8], "big", signed=True))))
    for_it, from_it = sign_in_tries.c.account == account, sign_in_tries.c.address == address
    query = select(sign_in_tries.c.at, for_it, from_it).where(or_(for_it, from_it), sign_in_tries.c.at > since)
    return [Try(*row) for row in await session.execute(query.order_by(sign_in_tries.c.at))]


async def add_try(session: AsyncSession, account: bytes, address: bytes, now: datetime) -> int:
    """Count a try; its number."""
    statement = insert(sign_in_tries).values(account=account, address=address, at=now).returning(sign_in_tries.c.id)
    return int((await session.execute(statement)).scalar_one())


async def forget_tries(session: AsyncSession, account: bytes, *, number: int | None = None) -> None:
    """Forget the tries for an account, and the one of that number."""
    where = sign_in_tries.c.account == account
    await session.execute(delete(sign_in_tries).where(or_(where, sign_in_tries.c.id == number)))


async def sweep_sessions(session: AsyncSession, *, created: datetime, used: datetime, tried: datetime) -> None:
    """Drop sessions made or used before these times, and tries older than theirs."""
    over = or_(operator_sessions.c.created_at < created, operator_sessions.c.used_at < used)
    await session.execute(delete(operator_sessions).where(over))
    await session.execute(delete(sign_in_tries).where(sign_in_tries.c.at < tried))
