"""Addresses that nothing is sent to any more: looked at, and lifted by who knows better."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.memory import Desk
from services.campaign.rules import addresses
from services.campaign.schemas.suppressions import Lifting, SuppressionShown
from services.campaign.store import manners
from shared import pages
from shared.errors import Invalid
from shared.house import House
from shared.pages import PageAsked


async def page(
    session: AsyncSession, asked: PageAsked, channel: str | None
) -> tuple[list[SuppressionShown], str | None]:
    """The newest first, and the next page's cursor."""
    before = None
    if asked.after is not None:
        said = [asked.text(name) for name in ("at", "channel", "id")]
        try:
            before = manners.place(*(one or "" for one in said))
        except ValueError as error:
            raise Invalid("the cursor is not one of ours: begin again without it", field="cursor") from error
    rows = await manners.suppressions_page(session, channel, before=before, limit=asked.limit + 1)
    shown = [
        SuppressionShown(
            id=row.digest.hex(),
            channel=row.channel,
            reason=row.reason,
            at=row.at,
            said=row.said,
            message_id=row.message_id,
            campaign=row.key,
            profile_id=row.profile_id if row.profile_id is not None and row.profile_id > 0 else None,
        )
        for row in rows[: asked.limit]
    ]
    if len(rows) <= asked.limit:
        return shown, None
    last = shown[-1]
    return shown, pages.encode({"at": last.at.isoformat(), "channel": last.channel, "id": last.id})


async def lift(session: AsyncSession, house: House, wanted: Lifting) -> int:
    """Let these addresses be sent to again; how many there were."""
    desk: Desk = house.memory
    if wanted.since is not None:
        return await manners.lift_since(session, wanted.channel, wanted.since)
    digests = [bytes.fromhex(one) for one in wanted.ids or ()]
    digests += [addresses.digest(desk.address_key, one) for one in wanted.addresses or ()]
    return await manners.lift(session, wanted.channel, digests)
