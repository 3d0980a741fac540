"""Sessions of operators: how one is opened, and whose a token is.

A sign-in is three steps, each its own: the try is counted, then the password is compared (which is slow on purpose, and
holds no connection), then the session begins.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gateway import audit, store
from gateway.operators import tries
from gateway.rules import operators as rules
from gateway.schemas import OperatorShown, SessionMade, SessionShown, SignIn
from shared import clock
from shared.caller import Caller
from shared.contracts import ROLES
from shared.errors import Unauthorised
from shared.house import House


class WrongSignIn(Unauthorised):
    """The name or the password is wrong"""


async def sign_in(house: House, wanted: SignIn, address: str) -> SessionMade:
    """Open a session. Raises WrongSignIn, which does not tell what was wrong, and LockedOut."""
    login = rules.login(wanted.login)
    account, number = await tries.counted(house, login, address)
    async with house.db.transaction() as session:
        found = await store.account(session, login=login)
    alive = found is not None and found["active"]
    if not await tries.right(found["password"] if found is not None and alive else None, wanted.password):
        raise WrongSignIn("check both; an admin can make a new one-time password")
    assert found is not None
    async with house.db.transaction() as session:
        fresh = await store.operator(session, found["id"])
        current = await store.account(session, operator_id=found["id"])
        if fresh is None or not fresh["active"] or current is None or current["password"] != found["password"]:
            raise WrongSignIn("the account was changed meanwhile: try again")
        await store.forget_tries(session, account, number=number)
        return await opened(session, fresh["id"], "operators.sign-in")


async def opened(session: AsyncSession, operator_id: str, action: str) -> SessionMade:
    """A new session of an operator, written into the audit log."""
    now, token = clock.now(), rules.token()
    await store.add_session(session, rules.digest(token), operator_id, now)
    operator = OperatorShown.model_validate(await store.operator(session, operator_id))
    await audit.write(session, Caller(id=operator.id, role=operator.role), action, [f"operator:{operator.id}"])
    return SessionMade(token=token, expires_at=rules.expires(now, now), operator=operator)


async def seated(house: House, token: str) -> tuple[SessionShown, bytes] | None:
    """The session of a token with its digest, None when it has ended or never was."""
    now, digest = clock.now(), rules.digest(token)
    async with house.db.transaction() as session:
        row = await store.seat(session, digest)
        if row is None or rules.expires(row["since"], row["used_at"]) <= now:
            return None
        if now - row["used_at"] >= rules.TOUCH:
            await store.touch_session(session, digest, row["id"], now)
        return shown(row, now), digest


def shown(row: Any, now: datetime) -> SessionShown:
    """A session as its operator sees it."""
    operator = OperatorShown.model_validate(row)
    return SessionShown(
        operator=operator,
        permissions=list(ROLES[operator.role]),
        created_at=row["since"],
        expires_at=rules.expires(row["since"], now),
    )
