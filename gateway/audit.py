"""Door and actions of the audit log: lines are added, listed and proved; nobody changes one.

A service says in a header of its answer what it showed or did (`shared.audit`); the proxy writes it down before it
passes the answer on, so nobody sees contact data without a line that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from gateway import store
from gateway.rules import audit as rules
from gateway.rules.audit import Line
from gateway.tables import audit
from shared import clock, lasting, pages
from shared.app import allow
from shared.caller import Caller
from shared.database import Session
from shared.house import House
from shared.pages import Page, PageDep
from shared.schemas import Output

router = APIRouter(prefix="/v1/audit", tags=["audit"])

CHECKED_AT_ONCE = 1000


class AuditLine(Output):
    """One line of the log."""

    id: int
    at: datetime
    actor: str = Field(description="Id of the operator (op_…) or of the secret key")
    actor_name: str | None = Field(description="His name, or that of the key, as it is now")
    role: str
    action: str
    objects: list[str]
    reason: str
    hash: str = Field(description="Proof over this line and all before it")


class Verdict(Output):
    """Whether every line is as it was written."""

    intact: bool
    lines: int
    first_broken: int | None = Field(description="Id of the first line that does not fit the one before")
    head: str = Field(description="Proof of the last line: note it elsewhere, and a shortened log shows too")


async def write(
    session: AsyncSession, caller: Caller, action: str, objects: Sequence[str], *, reason: str = ""
) -> None:
    """Add a line; it stands when the transaction has committed."""
    line = Line(clock.now(), caller.id, caller.role, action, list(objects), reason[: rules.LONGEST_REASON])
    number, previous = await store.end_of_audit(session)
    key = await lasting.key(session, rules.PURPOSE, since=audit)
    await store.add_audit(
        session,
        {
            "id": number + 1,
            "at": line.at,
            "actor": line.actor,
            "role": line.role,
            "action": line.action,
            "objects": line.objects,
            "reason": line.reason,
            "hash": rules.proof(key, previous, number + 1, line),
        },
    )


async def noted(house: House, caller: Caller, note: str, *, reason: str) -> None:
    """Write down what a service says it showed or did, in a transaction of its own. Raises when it cannot be."""
    if note:
        action, objects = rules.read(note)
        async with house.db.transaction() as session:
            await write(session, caller, action, objects, reason=reason)


async def verified(session: AsyncSession) -> Verdict:
    """Every line proved again, from the first on."""
    key = await lasting.key(session, rules.PURPOSE, since=audit)
    previous, number = rules.BEGINNING, 0
    broken: int | None = None
    rows = await store.audit_after(session, 0, limit=CHECKED_AT_ONCE)
    while rows and broken is None:
        for row in rows:
            number += 1
            expected = rules.proof(key, previous, number, _line(row))
            if row["id"] != number or row["hash"] != expected:
                broken = row["id"]
                break
            previous = row["hash"]
        rows = await store.audit_after(session, number, limit=CHECKED_AT_ONCE)
    total, last = await store.end_of_audit(session)
    return Verdict(intact=broken is None, lines=total, first_broken=broken, head=last.hex())


def _line(row: Any) -> Line:
    return Line(row["at"], row["actor"], row["role"], row["action"], row["objects"], row["reason"])


@router.get("", dependencies=[allow("audit:read")])
async def audit_log(
    session: Session,
    page: PageDep,
    action: Annotated[str | None, Query(description="Only this action", max_length=100)] = None,
    actor: Annotated[str | None, Query(description="Only by this operator or key", max_length=100)] = None,
    object: Annotated[str | None, Query(description="Only about this object, like profile:17", max_length=300)] = None,
) -> Page[AuditLine]:
    """Who read contact data, erased, exported or managed keys; the last line first."""
    rows = await store.audit_page(
        session, before=page.number("before"), limit=page.limit + 1, action=action, actor=actor, about=object
    )
    shown = rows[: page.limit]
    names = await store.operator_names(session, {row["actor"] for row in shown})
    return Page(
        items=[AuditLine(**{**row, "hash": row["hash"].hex(), "actor_name": names.get(row["actor"])}) for row in shown],
        next=pages.encode({"before": shown[-1]["id"]}) if len(rows) > len(shown) else None,
    )


@router.get("/verify", dependencies=[allow("audit:read")])
async def audit_proved(session: Session) -> Verdict:
    """Prove the log: any line that was changed, added or removed is found."""
    return await verified(session)
