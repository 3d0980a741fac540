"""Accounts of operators: an admin makes and changes them, and everybody sets his own password."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gateway import store
from gateway.operators import sessions, tries
from gateway.rules import operators as rules
from gateway.schemas import NewOperator, OperatorChange, OperatorMade, OperatorShown, PasswordChange, SessionMade
from shared import clock
from shared.database import settings_of
from shared.errors import Conflict, Invalid, NotFound
from shared.house import House


class WrongPassword(Invalid):
    """The old password is wrong"""


class UnknownOperator(NotFound):
    """There is no such operator"""


class LoginTaken(Conflict):
    """This login is taken"""


class LastAdmin(Conflict):
    """This is the last admin"""


async def make_first(session: AsyncSession, password: str) -> None:
    """Make the account `admin` with this one-time password, unless there is any account."""
    if not await store.any_operator(session):
        wanted = NewOperator(login="admin", name="Admin", role="admin")
        await store.add_operator(session, await _row(wanted, password))


async def _row(wanted: NewOperator, password: str) -> dict[str, Any]:
    return {
        "id": f"op_{secrets.token_hex(6)}",
        "login": wanted.login,
        "name": wanted.name,
        "role": wanted.role,
        "password": await asyncio.to_thread(rules.hashed, password),
        "must_change": True,
        "active": True,
        "created_at": clock.now(),
    }


async def make(session: AsyncSession, wanted: NewOperator) -> OperatorMade:
    """Make an account with a one-time password. Raises LoginTaken."""
    password = rules.one_time()
    row = await store.add_operator(session, await _row(wanted, password))
    if row is None:
        raise LoginTaken(f"{wanted.login} has an account; it may be one that is not active")
    return OperatorMade(**row, password=password)


async def change(session: AsyncSession, operator_id: str, wanted: OperatorChange) -> OperatorShown:
    """Change name, role or whether he may sign in. The last active admin stays one. Raises LastAdmin."""
    admins = await store.active_admins(session)
    await known(session, operator_id)
    values = wanted.model_dump(exclude_none=True)
    if admins == {operator_id} and (values.get("role", "admin") != "admin" or values.get("active") is False):
        raise LastAdmin("make another admin first")
    if values.get("active") is False:
        await store.end_sessions(session, operator_id)
    row = await store.change_operator(session, operator_id, values) if values else await known(session, operator_id)
    return OperatorShown.model_validate(row)


async def new_password(session: AsyncSession, operator_id: str) -> OperatorMade:
    """Give an operator a one-time password: his sessions end, and what locked him out is forgotten."""
    operator = await known(session, operator_id)
    password = rules.one_time()
    hashed = await asyncio.to_thread(rules.hashed, password)
    row = await store.change_operator(session, operator_id, {"password": hashed, "must_change": True})
    await store.end_sessions(session, operator_id)
    key = settings_of(session).key(rules.PURPOSE)
    await store.forget_tries(session, rules.disguised(key, operator["login"]))
    return OperatorMade(**row, password=password)


async def change_password(house: House, operator_id: str, wanted: PasswordChange, address: str) -> SessionMade:
    """Set one's own password: every session ends, and a new one begins. Wrong tries count as at the sign-in."""
    async with house.db.transaction() as session:
        found = await store.account(session, operator_id=operator_id)
    assert found is not None
    weak = rules.weakness(wanted.new, login=found["login"], old=wanted.old)
    if weak:
        raise Invalid(weak, field="new")
    account, number = await tries.counted(house, found["login"], address)
    if not await tries.right(found["password"], wanted.old):
        raise WrongPassword("is not the password of this account", field="old")
    hashed = await asyncio.to_thread(rules.hashed, wanted.new)
    async with house.db.transaction() as session:
        await store.forget_tries(session, account, number=number)
        await store.end_sessions(session, operator_id)
        await store.change_operator(session, operator_id, {"password": hashed, "must_change": False})
        return await sessions.opened(session, operator_id, "operators.set-password")


async def known(session: AsyncSession, operator_id: str) -> Any:
    """The row of an account. Raises UnknownOperator."""
    row = await store.operator(session, operator_id)
    if row is None:
        raise UnknownOperator(operator_id)
    return row
