"""Campaigns: put, submit, approve, start, pause, cancel, archive, look at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions import messages as messages_
from services.campaign.rules import audiences, templates, times
from services.campaign.schemas.campaigns import CampaignInput
from services.campaign.schemas.manners import Manners
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record, campaigns, messages
from shared import clock
from shared.database import settings_of
from shared.errors import Conflict, Forbidden, Invalid, NotFound

OVER = ("finished", "cancelled")
UNSTARTED = ("draft", "submitted", "approved")


class NoCampaign(NotFound):
    """There is no such campaign"""


class CampaignArchived(Conflict):
    """The campaign is archived"""


class NeverStarted(Conflict):
    """The campaign was never started"""


class AlreadyStarted(Conflict):
    """The campaign was started"""


class CampaignOver(Conflict):
    """The campaign is over"""


class NotApproved(Conflict):
    """The campaign is not approved"""


class WrongState(Conflict):
    """The campaign is in another state"""


class OwnSubmission(Forbidden):
    """Nobody approves what he submitted himself"""


class BadTemplate(Invalid):
    """A template is not valid"""


async def found(session: AsyncSession, key: str) -> Record:
    """The campaign with its content. Raises NoCampaign."""
    row = await campaigns.by_key(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    return row


async def put(session: AsyncSession, key: str, wanted: CampaignInput) -> tuple[Record, bool]:
    """Create or change a campaign; True when it is new. A change of anything but the name makes a new version."""
    _check(wanted)
    content = _content(wanted)
    named = [audiences.viewer(ref, place) for place, ref in enumerate(wanted.trigger.listed)]
    columns = {
        "trigger_kind": wanted.trigger.kind,
        "trigger_name": wanted.trigger.name,
        "rate": wanted.rate,
        "conversion_event": wanted.conversion.event if wanted.conversion else None,
    }
    now = clock.now()
    new_id = await campaigns.create(session, key=key, name=wanted.name, at=now, **columns)
    if new_id is not None:
        await campaigns.add_content(session, new_id, 1, **content, created_at=now)
        await campaigns.add_listed(session, new_id, 1, named)
        return await found(session, key), True
    row = await _changeable(session, key)
    if not await _same(session, row, content, named):
        if row.state in OVER or ("manual" in (row.trigger_kind, wanted.trigger.kind) and row.state not in UNSTARTED):
            raise AlreadyStarted(f"campaign {key!r} was started: only its name can change; make a new one")
        version = row.version + 1
        await campaigns.add_content(session, row.id, version, **content, created_at=now)
        await campaigns.add_listed(session, row.id, version, named)
        back = {**_NOT_SUBMITTED, "state": "draft"} if row.state in ("submitted", "approved") else {}
        changed = {"name": wanted.name, "version": version, "updated_at": now}
        await campaigns.change(session, row.id, **changed, **columns, **back)
    elif wanted.name != row.name:
        await campaigns.change(session, row.id, name=wanted.name, updated_at=now)
    return await found(session, key), False


_NOT_SUBMITTED: dict[str, Any] = {
    "submitted_at": None,
    "submitted_by": None,
    "approved_at": None,
    "approved_by": None,
}


def _content(wanted: CampaignInput) -> dict[str, Any]:
    """The columns of a version."""
    texts = wanted.content
    manners = Manners.model_validate({name: getattr(wanted, name) for name in Manners.model_fields})
    return {
        "trigger_kind": wanted.trigger.kind,
        "trigger_name": wanted.trigger.name,
        "channel": wanted.channel,
        "subject": texts.subject,
        "body": texts.body,
        "html": texts.html,
        "link": texts.link,
        "missing": texts.missing,
        "variants": [one.model_dump(mode="json") | {"name": one.label} for one in texts.variants],
        "manners": manners.model_dump(mode="json", by_alias=True),
        "listed": len(wanted.trigger.listed) or None,
    }


async def _same(
    session: AsyncSession, row: Record, content: dict[str, Any], named: list[tuple[int | None, str | None]]
) -> bool:
    if any(getattr(row, name) != value for name, value in content.items()):
        return False
    held = await campaigns.named(session, row.id, row.version, after=0, limit=len(named) + 1)
    return [(one.profile_id, one.origin) for one in held] == named


async def submit(session: AsyncSession, key: str, *, by: str) -> Record:
    """Ask for approval."""
    row = await _manual(session, key, "draft")
    now = clock.now()
    await campaigns.change(
        session, row.id, state="submitted", submitted_at=now, submitted_by=by, note=None, updated_at=now
    )
    return await found(session, key)


async def approve(session: AsyncSession, key: str, *, by: str) -> Record:
    """Let it start. Raises OwnSubmission unless the installation allows that."""
    row = await _manual(session, key, "submitted")
    settings = settings_of(session)
    assert isinstance(settings, CampaignSettings)
    if row.submitted_by == by and not settings.approve_own:
        raise OwnSubmission("somebody else must approve it, or set MARQUEE_APPROVE_OWN=true")
    now = clock.now()
    await campaigns.change(session, row.id, state="approved", approved_at=now, approved_by=by, updated_at=now)
    return await found(session, key)


async def reject(session: AsyncSession, key: str, *, note: str) -> Record:
    """Send it back to its draft."""
    row = await _manual(session, key, "submitted", "approved")
    await campaigns.change(session, row.id, state="draft", note=note, updated_at=clock.now(), **_NOT_SUBMITTED)
    return await found(session, key)


async def start(session: AsyncSession, key: str) -> Record:
    """From here on the campaign reacts, or a manual one begins to plan; what was planned before a pause goes out."""
    row = await _changeable(session, key)
    if row.state in OVER:
        raise CampaignOver(f"campaign {key!r} is {row.state}: make a new one")
    if row.trigger_kind == "manual" and row.state in ("draft", "submitted"):
        raise NotApproved(f"campaign {key!r} is {row.state}: submit it, and have it approved")
    if row.state != "running":
        now = clock.now()
        values: dict[str, Any] = {"state": "running", "updated_at": now}
        if row.state != "paused" or row.trigger_kind != "manual":
            values["started_at"] = now
        if row.trigger_kind == "manual" and row.plan_at is None:
            values |= {"plan_at": _begin(row, now), "plan_after": 0, "planned": 0, "unknown": 0}
        await campaigns.change(session, row.id, **values)
        bell.ring(session)
    return await found(session, key)


def _begin(row: Record, now: datetime) -> datetime:
    """When to give viewers their rows: as late as possible, so that the audience is of that moment."""
    said = Manners.model_validate(row.manners).time
    if said is None:
        return now
    return max(now, said.at) if said.at is not None else max(now, times.first(said.local or now))


async def pause(session: AsyncSession, key: str) -> Record:
    """From here on nothing is planned, and what is planned waits. Letters that are on their way arrive."""
    row = await _changeable(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {_a(row.state)}: it has nothing to pause")
    if row.state in OVER:
        raise CampaignOver(f"campaign {key!r} is {row.state}")
    if row.state != "paused":
        await campaigns.change(session, row.id, state="paused", updated_at=clock.now())
    return await found(session, key)


async def resume(session: AsyncSession, key: str) -> Record:
    """Go on after a pause."""
    row = await _changeable(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {_a(row.state)}: start it")
    return await start(session, key)


async def cancel(session: AsyncSession, key: str) -> Record:
    """End it: what has not begun is skipped. Cancelling a cancelled campaign changes nothing."""
    row = await _changeable(session, key)
    if row.state in UNSTARTED:
        raise NeverStarted(f"campaign {key!r} is {_a(row.state)}: archive it if it is not wanted")
    if row.state == "finished":
        raise CampaignOver(f"campaign {key!r} is finished: there is nothing to cancel")
    if row.state != "cancelled":
        now = clock.now()
        await campaigns.change(session, row.id, state="cancelled", finished_at=now, updated_at=now)
        messages_.tell(session, await messages.withdraw(session, row.id, now=now, reason="cancelled"))
    return await found(session, key)


async def archive(session: AsyncSession, key: str) -> None:
    """End the campaign for good; what was planned is skipped. Its messages can still be read."""
    row = await campaigns.locked(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    if row.state == "archived":
        return
    now = clock.now()
    await campaigns.change(session, row.id, state="archived", updated_at=now)
    messages_.tell(session, await messages.withdraw(session, row.id, now=now, reason="archived"))


async def figures(session: AsyncSession, key: str) -> tuple[Record, dict[str, int], dict[str, int]]:
    """The campaign, its messages by state, and by reason."""
    row = await found(session, key)
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for state, reason, number in await campaigns.counts(session, row.id):
        states[state] = states.get(state, 0) + number
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + number
    return row, states, reasons


ELSEWHERE = "sent by another system"
"""Note of a campaign whose messages another system sent."""


async def past(session: AsyncSession, key: str) -> Record:
    """A manual campaign to which messages of the past may be added: a draft, or one that already has some."""
    row = await _changeable(session, key)
    if row.trigger_kind != "manual" or not (
        row.state == "draft" or (row.state == "finished" and row.note == ELSEWHERE)
    ):
        raise WrongState(f"campaign {key!r} is {_a(row.state)}: messages of the past belong to a manual draft")
    return row


async def finish(session: AsyncSession) -> None:
    """Manual campaigns with nothing left to do are finished."""
    await campaigns.finish(session, clock.now())


async def _changeable(session: AsyncSession, key: str) -> Record:
    row = await campaigns.locked(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    if row.state == "archived":
        raise CampaignArchived(f"campaign {key!r} is archived and cannot be changed")
    return row


async def _manual(session: AsyncSession, key: str, *states: str) -> Record:
    """A manual campaign in one of these states."""
    row = await _changeable(session, key)
    if row.trigger_kind != "manual":
        raise WrongState(f"campaign {key!r} is automatic: start it, no approval is needed")
    if row.state not in states:
        raise WrongState(f"campaign {key!r} is {_a(row.state)}, not {' or '.join(states)}")
    return row


def _a(state: str) -> str:
    return "a draft" if state == "draft" else state


def _check(wanted: CampaignInput) -> None:
    """Refuse templates that cannot work, naming field and line."""
    texts = [
        ("content", wanted.content),
        *((f"content.variants[{n}]", v) for n, v in enumerate(wanted.content.variants)),
    ]
    for place, text in texts:
        for field, source in (("subject", text.subject), ("body", text.body), ("html", text.html), ("link", text.link)):
            if source is None:
                continue
            try:
                templates.checked(source, html=field == "html", kind=wanted.trigger.kind)
            except templates.Fault as fault:
                raise BadTemplate(str(fault), field=f"{place}.{field}") from fault
