"""The gateway's own admin door: keys."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from gateway import actions, audit
from gateway.schemas import KeyMade, KeyShown, NewKey
from shared import pages
from shared.app import CallerDep, HouseDep, allow
from shared.database import Session, after_commit
from shared.errors import Invalid
from shared.pages import Page, PageDep

router = APIRouter(tags=["keys"])


@router.post("/v1/keys", status_code=201, dependencies=[allow("keys:write")])
async def make(session: Session, house: HouseDep, caller: CallerDep, wanted: NewKey) -> KeyMade:
    """Make a key. A secret is shown this once, so an Idempotency-Key is ignored: its record would keep the secret."""
    after_commit(session, house.memory.keys_changed)
    made = await actions.make_key(session, wanted)
    await audit.write(session, caller, "keys.make", [f"key:{made.id}"], reason=made.role or made.kind)
    return made


@router.get("/v1/keys", dependencies=[allow("keys:write")])
async def listing(session: Session, page: PageDep) -> Page[KeyShown]:
    """Keys newest first, revoked ones included, without their secrets."""
    found = await actions.list_keys(session, before=_before(page.after), limit=page.limit)
    more = len(found) == page.limit
    cursor = pages.encode({"at": found[-1].created_at.isoformat(), "id": found[-1].id}) if more else None
    return Page[KeyShown](items=found, next=cursor)


@router.delete("/v1/keys/{key_id}", status_code=204, dependencies=[allow("keys:write")])
async def revoke(session: Session, house: HouseDep, caller: CallerDep, key_id: str) -> None:
    """Revoke a key for good: here at once, in other replicas within 5 seconds. Again is no error."""
    after_commit(session, lambda: house.memory.key_revoked(key_id))
    await actions.revoke_key(session, key_id)
    await audit.write(session, caller, "keys.revoke", [f"key:{key_id}"])


def _before(after: dict[str, object] | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    try:
        return datetime.fromisoformat(str(after["at"])), str(after["id"])
    except (KeyError, ValueError) as error:
        raise Invalid("the cursor is not one of ours: begin again without it", field="cursor") from error
