"""Door to sessions and accounts of operators."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from gateway import audit, store
from gateway.operators import accounts, sessions
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
from shared.database import Session
from shared.errors import Invalid, NotFound, Unauthorised
from shared.house import House
from shared.pages import Page, PageDep

router = APIRouter(tags=["operators"])

VOUCHED = "x-marquee-address"
"""Header in which the console says, signed, from where its user comes."""

SEAT = "marquee.seat"
"""Where the scope keeps the digest of the session token of a call."""

WHOEVER = anyone("whoever is signed in, about himself")


class NoSession(NotFound):
    """This call has no session"""


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
    return sessions.shown(row, now)


SeatDep = Annotated[SessionShown, Depends(_seat)]


@router.post("/v1/sessions", status_code=201, dependencies=[anyone("a sign-in proves who it is")])
async def open_session(request: Request, house: HouseDep, wanted: SignIn) -> SessionMade:
    """Sign in. The session ends after 12 hours unused, after 7 days, and with the next change of the password.

    Ten wrong tries within 15 minutes lock the account for the address they come from, for the rest of them: 429. So do
    100 for one account from everywhere, and 300 from one address for all accounts.
    """
    return await sessions.sign_in(house, wanted, _address(request, house))


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
    row = await accounts.known(session, seat.operator.id)
    kept = {name: value for name, value in {**row["preferences"], **wanted.preferences}.items() if value is not None}
    OwnChange(preferences=kept)
    changed: dict[str, Any] = {"preferences": kept, **({"name": wanted.name} if wanted.name else {})}
    return OperatorShown.model_validate(await store.change_operator(session, seat.operator.id, changed))


@router.post("/v1/operators/me/password", dependencies=[WHOEVER])
async def change_my_password(request: Request, house: HouseDep, seat: SeatDep, wanted: PasswordChange) -> SessionMade:
    """Set one's own password. All sessions of the account end; the answer brings a new one."""
    return await accounts.change_password(house, seat.operator.id, wanted, _address(request, house))


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
    made = await accounts.make(session, wanted)
    await audit.write(session, caller, "operators.make", [f"operator:{made.id}"], reason=made.role)
    return made


@router.patch("/v1/operators/{operator_id}", dependencies=[allow("operators:write")])
async def change_operator(
    session: Session, caller: CallerDep, operator_id: str, wanted: OperatorChange
) -> OperatorShown:
    """Change an account; one that is made inactive is signed out everywhere at once."""
    changed = await accounts.change(session, operator_id, wanted)
    told = ", ".join(
        f"{name}={value}" for name, value in wanted.model_dump(exclude_none=True, exclude={"name"}).items()
    )
    await audit.write(session, caller, "operators.change", [f"operator:{operator_id}"], reason=told)
    return changed


@router.post("/v1/operators/{operator_id}/password", dependencies=[allow("operators:write")])
async def reset_password(session: Session, caller: CallerDep, operator_id: str) -> OperatorMade:
    """Give an operator a one-time password, shown this once. He is signed out everywhere, and no longer locked out."""
    made = await accounts.new_password(session, operator_id)
    await audit.write(session, caller, "operators.new-password", [f"operator:{operator_id}"])
    return made
