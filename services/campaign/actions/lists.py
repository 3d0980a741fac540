"""Lists: pages of campaigns, messages and triggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.actions.campaigns import found
from services.campaign.rules import audiences
from services.campaign.schemas.messages import MessageDays
from services.campaign.schemas.words import CampaignSort
from services.campaign.store import Record, moves
from services.campaign.store import campaigns as campaigns_
from services.campaign.store import messages as messages_
from services.campaign.store import parcels as parcels_
from services.campaign.store import triggers as triggers_
from shared import clock, pages
from shared import days as calendar
from shared.contracts import MessageNoted, MessagesAnswered, MessagesAsked
from shared.errors import Invalid
from shared.pages import PageAsked

Rows = Sequence[Record]


@dataclass(frozen=True)
class Viewer:
    """One of a list, as people may see how he was named."""

    place: int
    ref: str


Kind = TypeVar("Kind", str, int)


async def campaigns(
    session: AsyncSession, page: PageAsked, state: str | None, sort: CampaignSort = "key"
) -> tuple[Rows, str | None]:
    """Campaigns in this order, and the next page's cursor."""
    if sort == "changed":
        rows = await campaigns_.changed(session, before=_change(page), state=state, limit=page.limit + 1)
        return _cut(rows, page, "updated_at", "id")
    after = _position(page, "key", str) or ""
    return _cut(await campaigns_.page(session, after=after, state=state, limit=page.limit + 1), page, "key")


async def named(session: AsyncSession, key: str, page: PageAsked) -> tuple[list[Viewer], str | None]:
    """Whom a campaign's present version names, in its order, and the next page's cursor. Raises NoCampaign."""
    campaign = await found(session, key)
    after = _position(page, "place", int) or 0
    rows, following = _cut(
        await campaigns_.named(session, campaign.id, campaign.version, after=after, limit=page.limit + 1), page, "place"
    )
    return [Viewer(row.place, audiences.shown(row.profile_id, row.origin)) for row in rows], following


async def days(session: AsyncSession, number: int, zone: str) -> MessageDays:
    """Messages of all campaigns in the last days, by day and state."""
    now = clock.now()
    wanted = calendar.last(now, number, zone)
    found = await messages_.by_day(session, calendar.begin(wanted[0], zone), zone, calendar.time(now, zone))
    ended: dict[date, dict[str, Any]] = {day: {"day": day, "states": {}, "so_far": {}} for day in wanted}
    for (day, state), (count, so_far) in found.items():
        if day in ended:
            ended[day]["states"][state] = count
            ended[day]["so_far"][state] = so_far
    return MessageDays.model_validate({"zone": zone, "days": list(ended.values())})


async def messages(
    session: AsyncSession, key: str, page: PageAsked, *, state: str | None, reason: str | None
) -> tuple[Rows, str | None]:
    """Messages of a campaign, newest first, and the next page's cursor."""
    campaign = await found(session, key)
    before = _position(page, "id", int)
    rows = await messages_.page(session, campaign.id, before=before, state=state, reason=reason, limit=page.limit + 1)
    return _cut(rows, page, "id")


async def of_viewer(session: AsyncSession, asked: MessagesAsked) -> MessagesAnswered:
    """What a viewer was sent, or will be."""
    rows = await messages_.of_viewer(session, asked.profile_id, max(1, min(asked.limit, 200)))
    return MessagesAnswered(
        messages=[
            MessageNoted(
                message_id=row.id,
                campaign=row.campaign,
                name=row.name,
                channel=row.channel,
                occasion=row.occasion,
                state=row.state,
                reason=row.reason,
                planned_at=row.planned_at,
                finished_at=row.finished_at,
            )
            for row in rows
        ]
    )


async def viewers_messages(session: AsyncSession, profile_id: int, page: PageAsked) -> tuple[Rows, str | None]:
    """Messages of a viewer over all campaigns, newest first; of one who became part of another, that one's."""
    viewer = (await moves.present(session, [profile_id])).get(profile_id, profile_id)
    before = _position(page, "id", int)
    return _cut(await messages_.of_viewer(session, viewer, page.limit + 1, before=before), page, "id")


async def inbox(session: AsyncSession, profile_id: int, page: PageAsked, *, unread: bool) -> tuple[Rows, str | None]:
    """In-app messages of a viewer, newest first."""
    viewer = (await moves.present(session, [profile_id])).get(profile_id, profile_id)
    before = _position(page, "message_id", int)
    rows = await parcels_.of_viewer(session, viewer, before=before, unread=unread, limit=page.limit + 1)
    return _cut(rows, page, "message_id")


async def parcels(session: AsyncSession, page: PageAsked, channel: str | None) -> tuple[Rows, str | None]:
    """What would have been sent, newest first."""
    before = _position(page, "id", int)
    return _cut(await parcels_.page(session, channel=channel, before=before, limit=page.limit + 1), page, "id")


async def triggers(session: AsyncSession, key: str, page: PageAsked) -> tuple[Rows, str | None]:
    """Triggers under a campaign's bus name, newest first, and the next page's cursor."""
    campaign = await found(session, key)
    if campaign.trigger_kind != "bus":
        raise Invalid(f"campaign {key!r} is triggered by {campaign.trigger_kind}, not by the bus")
    before = _position(page, "id", int)
    return _cut(await triggers_.page(session, campaign.trigger_name, before=before, limit=page.limit + 1), page, "id")


def _position(page: PageAsked, name: str, kind: type[Kind]) -> Kind | None:
    """The value a cursor carries. Raises Invalid on a cursor of another list."""
    if page.after is None:
        return None
    value = page.after.get(name)
    if type(value) is not kind or (kind is int and not 0 <= int(value) < 2**63):
        raise Invalid("the cursor belongs to another list: begin again without it", field="cursor")
    return value


def _change(page: PageAsked) -> tuple[datetime, int] | None:
    """The last change and the id that a cursor carries: two campaigns may have been changed at one instant."""
    written, number = _position(page, "updated_at", str), _position(page, "id", int)
    if written is None or number is None:
        return None
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC), number
    except (ValueError, OverflowError) as error:
        raise Invalid("the cursor belongs to another list: begin again without it", field="cursor") from error


def _cut(rows: Rows, page: PageAsked, *names: str) -> tuple[Rows, str | None]:
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return shown, pages.encode({name: getattr(shown[-1], name) for name in names}) if more else None
