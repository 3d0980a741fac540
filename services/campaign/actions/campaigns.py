"""Campaigns: put, find, look at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.rules import audiences, editions, templates
from services.campaign.rules.editions import Condition
from services.campaign.schemas.campaigns import CampaignInput
from services.campaign.schemas.manners import Manners
from services.campaign.store import Record, campaigns, tallies
from shared import clock
from shared.errors import Conflict, Invalid, NotFound, Problem

OVER = ("finished", "cancelled")
UNSTARTED = ("draft", "submitted", "approved")
UNCONDITIONAL = Condition()


class NoCampaign(NotFound):
    """There is no such campaign"""


class CampaignArchived(Conflict):
    """The campaign is archived"""


class AlreadyStarted(Conflict):
    """The campaign was started"""


class WrongState(Conflict):
    """The campaign is in another state"""


class KeyTaken(Problem):
    """There is a campaign of that key"""

    status = 412


class ChangedMeanwhile(Problem):
    """The campaign was changed meanwhile"""

    status = 412


class BadTemplate(Invalid):
    """A template is not valid"""


async def found(session: AsyncSession, key: str) -> Record:
    """The campaign with its content. Raises NoCampaign."""
    row = await campaigns.by_key(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    return row


async def put(
    session: AsyncSession, key: str, wanted: CampaignInput, condition: Condition = UNCONDITIONAL
) -> tuple[Record, bool]:
    """Create or change a campaign; True when it is new. A change of anything but the name makes a new version.

    Raises KeyTaken and ChangedMeanwhile where the condition does not hold.
    """
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
        _admit(condition, key, None)
        if wanted.trigger.keeps_list:
            raise Invalid("give exactly one of segment, list: there is no list to keep", field="trigger.manual")
        await campaigns.add_content(session, new_id, 1, **content, created_at=now)
        await campaigns.add_listed(session, new_id, 1, named)
        return await found(session, key), True
    row = await changeable(session, key, condition)
    if wanted.trigger.keeps_list:
        if row.listed is None:
            raise Invalid("give exactly one of segment, list: there is no list to keep", field="trigger.manual")
        content["listed"] = row.listed
    if not await _same(session, row, content, None if wanted.trigger.keeps_list else named):
        if row.state in OVER or ("manual" in (row.trigger_kind, wanted.trigger.kind) and row.state not in UNSTARTED):
            raise AlreadyStarted(f"campaign {key!r} was started: only its name can change; make a new one")
        version = row.version + 1
        await campaigns.add_content(session, row.id, version, **content, created_at=now)
        if wanted.trigger.keeps_list:
            await campaigns.copy_listed(session, row.id, row.version, version)
        else:
            await campaigns.add_listed(session, row.id, version, named)
        back = {**NOT_SUBMITTED, "state": "draft"} if row.state in ("submitted", "approved") else {}
        changed = {"name": wanted.name, "version": version, "updated_at": now}
        await campaigns.change(session, row.id, **changed, **columns, **back)
    elif wanted.name != row.name:
        await campaigns.change(session, row.id, name=wanted.name, updated_at=now)
    return await found(session, key), False


NOT_SUBMITTED: dict[str, Any] = {
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


def _admit(condition: Condition, key: str, row: Record | None) -> None:
    """Raises KeyTaken, ChangedMeanwhile."""
    if condition.admits(None if row is None else edition(row)):
        return
    if row is None:
        raise ChangedMeanwhile(f"there is no campaign {key!r}: leave If-Match out to make it")
    if condition.wants_new:
        raise KeyTaken(f"campaign {key!r} is there already: choose another key, or change it without If-None-Match")
    raise ChangedMeanwhile(f"campaign {key!r} is not what you saw any more: read it again, then repeat your change")


def edition(row: Record) -> str:
    """The ETag of a campaign."""
    return editions.tag(row.version, row.updated_at)


async def _same(
    session: AsyncSession, row: Record, content: dict[str, Any], named: list[tuple[int | None, str | None]] | None
) -> bool:
    """Whether the present version says this; None for viewers: it keeps its own."""
    if any(getattr(row, name) != value for name, value in content.items()):
        return False
    if named is None:
        return True
    held = await campaigns.named(session, row.id, row.version, after=0, limit=len(named) + 1)
    return [(one.profile_id, one.origin) for one in held] == named


async def figures(session: AsyncSession, key: str) -> tuple[Record, dict[str, int], dict[str, int]]:
    """The campaign, its messages by state, and by reason."""
    row = await found(session, key)
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for state, reason, number in await tallies.counts(session, row.id):
        states[state] = states.get(state, 0) + number
        if reason is not None:
            reasons[reason] = reasons.get(reason, 0) + number
    return row, states, reasons


def begins_at(row: Record, now: datetime) -> datetime | None:
    """When a started manual campaign begins to plan, while it waits for its time."""
    if row.plan_at is None or row.plan_at <= now or row.plan_after or row.plan_waits or row.planned_at:
        return None
    at: datetime = row.plan_at
    return at


def waits_for(row: Record) -> str | None:
    """What a running campaign's planning waits for."""
    return row.plan_waits if row.state == "running" and row.planned_at is None else None


ELSEWHERE = "sent by another system"
"""Note of a campaign whose messages another system sent."""


async def past(session: AsyncSession, key: str) -> Record:
    """A manual campaign to which messages of the past may be added: a draft, or one that already has some."""
    row = await changeable(session, key)
    if row.trigger_kind != "manual" or not (
        row.state == "draft" or (row.state == "finished" and row.note == ELSEWHERE)
    ):
        raise WrongState(f"campaign {key!r} is {said(row.state)}: messages of the past belong to a manual draft")
    return row


def said(state: str) -> str:
    """A state within a sentence."""
    return "a draft" if state == "draft" else state


async def changeable(session: AsyncSession, key: str, condition: Condition = UNCONDITIONAL) -> Record:
    """A campaign that is not archived, locked. Raises NoCampaign, CampaignArchived, and as the condition says."""
    row = await campaigns.locked(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    _admit(condition, key, row)
    if row.state == "archived":
        raise CampaignArchived(f"campaign {key!r} is archived and cannot be changed")
    return row


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
                if field == "html":
                    source = templates.as_html(source)
                templates.checked(source, html=field == "html", kind=wanted.trigger.kind)
            except templates.Fault as fault:
                raise BadTemplate(str(fault), field=f"{place}.{field}") from fault
