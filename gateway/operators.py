"""Door and actions of people's accounts: they sign in, an admin makes and changes them.

A sign-in is three steps, each its own: the try is counted, then the password is compared (which is slow on purpose, and
holds no connection), then the session begins. Counting first means that a thousand tries at once are a thousand tries.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from gateway import audit, store
from gateway.rules import operators as rules
from gateway.schemas import (
    NewOperator,
    OperatorChange,
    OperatorMade,
    OperatorShown,
    OwnChange,
    PasswordChange,
    SessionMade,
    SessionShown,
    SignIn,
)
from shared import clock, pages, tokens
from shared.app import CallerDep, HouseDep, allow, anyone
from shared.caller import Caller
from shared.contracts import ROLES
from shared.database import Session, settings_of
from shared.errors import Conflict, Invalid, NotFound, TooMany, Unauthorised
from shared.house import House
from shared.pages import Page, PageDep

router = APIRouter(tags=["operators"])

VOUCHED = "x-marquee-address"
"""Header in which the console says, signed, from where its user comes."""

SEAT = "marquee.seat"
"""Where the scope keeps the digest of the session token of a call."""

_comparing = asyncio.Semaphore(2)
"""Each comparison takes 64 MiB and a processor; more at once would only wait for each other."""

WHOEVER = anyone("whoever is signed in, about himself")


class WrongSignIn(Unauthorised):
    """The name or the password is wrong"""


class LockedOut(TooMany):
    """Too many wrong tries"""


class WrongPassword(Invalid):
    """The old password is wrong"""


class NoSession(NotFound):
    """This call has no session"""


class UnknownOperator(NotFound):
    """There is no such operator"""


class LoginTaken(Conflict):
    """This login is taken"""


class LastAdmin(Conflict):
    """This is the last admin"""


def _address(request: Request, house: House) -> str:
    """Where a sign-in comes from: what the console vouches for within a minute, else the connection's other end."""
    vouched = request.headers.get(VOUCHED)
    if vouched:
        try:
            told = tokens.read(house.settings.key(rules.ADDRESS), vouched)
        except tokens.BadToken as error:
            raise Invalid("is not signed by this installation's console", field=VOUCHED) from error
        if abs(time.time() - float(told["at"])) < 60:
            return str(told["address"])
    return request.client.host if request.client else "unknown"


async def _counted(house: House, login: str, address: str) -> tuple[bytes, int]:
    """Count a try, or refuse it. The disguised account, and the try's number."""
    now = clock.now()
    key = house.settings.key(rules.PURPOSE)
    account, place = rules.disguised(key, login), rules.disguised(key, address)
    async with house.db.transaction() as session:
        wait = rules.locked_for(await store.tries(session, account, place, since=now - rules.WINDOW), now)
        if wait is not None:
            raise LockedOut(
                f"within {rules.WINDOW.seconds // 60} minutes: try again in {-(-wait // 60)} minutes, or ask an admin"
                " for a new password",
                headers={"Retry-After": str(wait)},
            )
        return account, await store.add_try(session, account, place, now)


async def _right(stored: str | None, password: str) -> bool:
    async with _comparing:
        right = await asyncio.to_thread(rules.proves, stored or rules.NOBODY, password)
    return right and stored is not None


async def sign_in(house: House, wanted: SignIn, address: str) -> SessionMade:
    """Open a session. Raises WrongSignIn, which does not tell what was wrong, and LockedOut."""
    login = rules.login(wanted.login)
    account, number = await _counted(house, login, address)
    async with house.db.transaction() as session:
        found = await store.account(session, login=login)
    alive = found is not None and found["active"]
    if not await _right(found["password"] if found is not None and alive else None, wanted.password):
        raise WrongSignIn("check both; an admin can make a new one-time password")
    assert found is not None
    async with house.db.transaction() as session:
        fresh = await store.operator(session, found["id"])
        current = await store.account(session, operator_id=found["id"])
        if fresh is None or not fresh["active"] or current is None or current["password"] != found["password"]:
            raise WrongSignIn("the account was changed meanwhile: try again")
        await store.forget_tries(session, account, number=number)
        return await _opened(session, fresh["id"], "operators.sign-in")


async def _opened(session: AsyncSession, operator_id: str, action: str) -> SessionMade:
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
        return _shown(row, now), digest


def _shown(row: Any, now: datetime) -> SessionShown:
    operator = OperatorShown.model_validate(row)
    return SessionShown(
        operator=operator,
        permissions=list(ROLES[operator.role]),
        created_at=row["since"],
        expires_at=rules.expires(row["since"], now),
    )


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
    await _known(session, operator_id)
    values = wanted.model_dump(exclude_none=True)
    if admins == {operator_id} and (values.get("role", "admin") != "admin" or values.get("active") is False):
        raise LastAdmin("make another admin first")
    if values.get("active") is False:
        await store.end_sessions(session, operator_id)
    row = await store.change_operator(session, operator_id, values) if values else await _known(session, operator_id)
    return OperatorShown.model_validate(row)


async def new_password(session: AsyncSession, operator_id: str) -> OperatorMade:
    """Give an operator a one-time password: his sessions end, and what locked him out is forgotten."""
    known = await _known(session, operator_id)
    password = rules.one_time()
    hashed = await asyncio.to_thread(rules.hashed, password)
    row = await store.change_operator(session, operator_id, {"password": hashed, "must_change": True})
    await store.end_sessions(session, operator_id)
    key = settings_of(session).key(rules.PURPOSE)
    await store.forget_tries(session, rules.disguised(key, known["login"]))
    return OperatorMade(**row, password=password)


async def change_password(house: House, operator_id: str, wanted: PasswordChange, address: str) -> SessionMade:
    """Set one's own password: every session ends, and a new one begins. Wrong tries count as at the sign-in."""
    async with house.db.transaction() as session:
        found = await store.account(session, operator_id=operator_id)
    assert found is not None
    weak = rules.weakness(wanted.new, login=found["login"], old=wanted.old)
    if weak:
        raise Invalid(weak, field="new")
    account, number = await _counted(house, found["login"], address)
    if not await _right(found["password"], wanted.old):
        raise WrongPassword("is not the password of this account", field="old")
    hashed = await asyncio.to_thread(rules.hashed, wanted.new)
    async with house.db.transaction() as session:
        await store.forget_tries(session, account, number=number)
        await store.end_sessions(session, operator_id)
        await store.change_operator(session, operator_id, {"password": hashed, "must_change": False})
        return await _opened(session, operator_id, "operators.set-password")


async def _known(session: AsyncSession, operator_id: str) -> Any:
    row = await store.operator(session, operator_id)
    if row is None:
        raise UnknownOperator(operator_id)
    return row


async def _seat(request: Request, house: HouseDep) -> SessionShown:
    """The session of this call. Raises Unauthorised, NoSession."""
    caller: Caller | None = request.scope.get("marquee.caller")
    if caller is None:
        raise Unauthorised("sign in at POST /v1/sessions, and send its token as Authorization: Bearer ses_…")
    digest = request.scope.get(SEAT)
    if digest is None:
        raise NoSession("a secret key has none; sign in at POST /v1/sessions")
    now = clock.now()
    async with house.db.transaction() as session:
        row = await store.seat(session, digest)
    if row is None:
        raise Unauthorised("this session has just ended: sign in again")
    return _shown(row, now)


SeatDep = Annotated[SessionShown, Depends(_seat)]


@router.post("/v1/sessions", status_code=201, dependencies=[anyone("a sign-in proves who it is")])
async def open_session(request: Request, house: HouseDep, wanted: SignIn) -> SessionMade:
    """Sign in. The session ends after 12 hours unused, after 7 days, and with the next change of the password.

    Ten wrong tries within 15 minutes lock the account for the address they come from, for the rest of them: 429. So do
    100 for one account from everywhere, and 300 from one address for all accounts.
    """
    return await sign_in(house, wanted, _address(request, house))


@router.get("/v1/sessions/current", dependencies=[WHOEVER])
async def this_session(seat: SeatDep) -> SessionShown:
    """Who is signed in with this token, and what he may do."""
    return seat


@router.delete("/v1/sessions/current", status_code=204, dependencies=[WHOEVER])
async def close_session(request: Request, session: Session, seat: SeatDep) -> None:
    """Sign out."""
    await store.end_session(session, request.scope[SEAT])


@router.patch("/v1/operators/me", dependencies=[WHOEVER])
async def change_me(session: Session, seat: SeatDep, wanted: OwnChange) -> OperatorShown:
    """Change one's own name, or what the console keeps: language, zone, columns of tables."""
    row = await _known(session, seat.operator.id)
    kept = {name: value for name, value in {**row["preferences"], **wanted.preferences}.items() if value is not None}
    OwnChange(preferences=kept)
    changed: dict[str, Any] = {"preferences": kept, **({"name": wanted.name} if wanted.name else {})}
    return OperatorShown.model_validate(await store.change_operator(session, seat.operator.id, changed))


@router.post("/v1/operators/me/password", dependencies=[WHOEVER])
async def change_my_password(request: Request, house: HouseDep, seat: SeatDep, wanted: PasswordChange) -> SessionMade:
    """Set one's own password. All sessions of the account end; the answer brings a new one."""
    return await change_password(house, seat.operator.id, wanted, _address(request, house))


@router.get("/v1/operators", dependencies=[allow("operators:read")])
async def list_operators(session: Session, page: PageDep) -> Page[OperatorShown]:
    """Accounts by login, those that are not active included."""
    rows = await store.operator_page(session, after=page.text("after"), limit=page.limit + 1)
    shown = rows[: page.limit]
    return Page(
        items=[OperatorShown.model_validate(row) for row in shown],
        next=pages.encode({"after": shown[-1]["login"]}) if len(rows) > len(shown) else None,
    )


@router.get("/v1/operators/names", dependencies=[anyone("whoever is known here may know who did something")])
async def names_of(
    session: Session,
    _: CallerDep,
    id: Annotated[list[str], Query(description="Operators (op_…) and keys", max_length=500)],
) -> dict[str, str]:
    """Names of operators and keys by id, as they are now; an id that is nobody's is left out.

    Every role may ask: who submitted a campaign is no secret among those who work with it, and an id tells nobody.
    """
    return await store.operator_names(session, set(id))


@router.post("/v1/operators", status_code=201, dependencies=[allow("operators:write")])
async def make_operator(session: Session, caller: CallerDep, wanted: NewOperator) -> OperatorMade:
    """Make an account. The answer shows its one-time password this once, so an Idempotency-Key is ignored."""
    made = await make(session, wanted)
    await audit.write(session, caller, "operators.make", [f"operator:{made.id}"], reason=made.role)
    return made


@router.patch("/v1/operators/{operator_id}", dependencies=[allow("operators:write")])
async def change_operator(
    session: Session, caller: CallerDep, operator_id: str, wanted: OperatorChange
) -> OperatorShown:
    """Change an account; one that is made inactive is signed out everywhere at once."""
    changed = await change(session, operator_id, wanted)
    told = ", ".join(
        f"{name}={value}" for name, value in wanted.model_dump(exclude_none=True, exclude={"name"}).items()
    )
    await audit.write(session, caller, "operators.change", [f"operator:{operator_id}"], reason=told)
    return changed


@router.post("/v1/operators/{operator_id}/password", dependencies=[allow("operators:write")])
async def reset_password(session: Session, caller: CallerDep, operator_id: str) -> OperatorMade:
    """Give an operator a one-time password, shown this once. He is signed out everywhere, and no longer locked out."""
    made = await new_password(session, operator_id)
    await audit.write(session, caller, "operators.new-password", [f"operator:{operator_id}"])
    return made
