"""Campaigns: put, start, pause, archive, look at."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign import bell
from services.campaign.actions import messages as messages_
from services.campaign.rules import templates
from services.campaign.schemas import CampaignInput
from services.campaign.store import Record, campaigns, messages
from shared import clock
from shared.errors import Conflict, Invalid, NotFound


class NoCampaign(NotFound):
    """There is no such campaign"""


class CampaignArchived(Conflict):
    """The campaign is archived"""


class NeverStarted(Conflict):
    """The campaign was never started"""


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
    kind, trigger = wanted.trigger.kind, str(wanted.trigger.name)
    content = {
        "trigger_kind": kind,
        "trigger_name": trigger,
        "channel": wanted.channel,
        "subject": wanted.content.subject,
        "body": wanted.content.body,
        "html": wanted.content.html,
        "missing": wanted.content.missing,
    }
    now = clock.now()
    new_id = await campaigns.create(session, key=key, name=wanted.name, kind=kind, trigger=trigger, at=now)
    if new_id is not None:
        await campaigns.add_content(session, new_id, 1, **content, created_at=now)
        return await found(session, key), True
    row = await _changeable(session, key)
    version = row.version
    if any(getattr(row, name) != value for name, value in content.items()):
        version += 1
        await campaigns.add_content(session, row.id, version, **content, created_at=now)
    if version != row.version or wanted.name != row.name:
        await campaigns.change(
            session,
            row.id,
            name=wanted.name,
            version=version,
            trigger_kind=kind,
            trigger_name=trigger,
            updated_at=now,
        )
    return await found(session, key), False


async def start(session: AsyncSession, key: str) -> Record:
    """From here on the campaign reacts; what was planned before a pause goes out."""
    row = await _changeable(session, key)
    if row.state != "running":
        now = clock.now()
        await campaigns.change(session, row.id, state="running", started_at=now, updated_at=now)
        bell.ring(session)
    return await found(session, key)


async def pause(session: AsyncSession, key: str) -> Record:
    """From here on nothing is planned, and what is planned waits. Letters that are on their way arrive."""
    row = await _changeable(session, key)
    if row.state == "draft":
        raise NeverStarted(f"campaign {key!r} is a draft: it has nothing to pause")
    if row.state != "paused":
        await campaigns.change(session, row.id, state="paused", updated_at=clock.now())
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


async def _changeable(session: AsyncSession, key: str) -> Record:
    row = await campaigns.locked(session, key)
    if row is None:
        raise NoCampaign(f"no campaign {key!r}")
    if row.state == "archived":
        raise CampaignArchived(f"campaign {key!r} is archived and cannot be changed")
    return row


def _check(wanted: CampaignInput) -> None:
    """Refuse templates that cannot work, naming field and line."""
    content = wanted.content
    for field, source, html in (
        ("subject", content.subject, False),
        ("body", content.body, False),
        ("html", content.html, True),
    ):
        if source is None:
            continue
        try:
            templates.checked(source, html=html, kind=wanted.trigger.kind)
        except templates.Fault as fault:
            raise BadTemplate(str(fault), field=f"content.{field}") from fault
