"""What goes along with messages that leave: numbered links, addresses that are no use, and what is kept here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.campaign.outside.parcels import Parcel
from services.campaign.rules import addresses
from services.campaign.store import manners, parcels, tracking
from services.campaign.store.manners import Gone
from shared import clock


async def links(
    session: AsyncSession, found: Mapping[tuple[int, bytes], tuple[str, int | None]]
) -> dict[tuple[int, bytes], int]:
    """Numbers of these addresses, by campaign and digest; with the message one was written for, if it was for one."""
    return await tracking.keep(session, found)


async def suppressed(session: AsyncSession, digests: Mapping[str, Sequence[bytes]]) -> set[tuple[str, bytes]]:
    """Which of these addresses, by channel, nothing is sent to any more."""
    found: set[tuple[str, bytes]] = set()
    for channel, some in digests.items():
        found |= {(channel, one) for one in await manners.suppressed(session, channel, some)}
    return found


async def suppress(session: AsyncSession, gone: Sequence[Gone]) -> None:
    """Send nothing to these addresses any more: a server said that they do not exist."""
    if gone:
        await manners.suppress(session, gone, reason="refused", at=clock.now())


async def keep(session: AsyncSession, kept: Sequence[tuple[int, int, Parcel, str | None]]) -> None:
    """Keep messages that go to no provider: (message, viewer, what it says, `sink` or `inbox`)."""
    now = clock.now()
    sink = [_sunk(parcel, now=now, message=id, viewer=viewer) for id, viewer, parcel, where in kept if where == "sink"]
    inbox = [
        {
            "message_id": id,
            "profile_id": viewer,
            "subject": parcel.subject or "",
            "body": parcel.body,
            "link": parcel.link,
            "at": now,
        }
        for id, viewer, parcel, where in kept
        if where == "inbox"
    ]
    if sink:
        await parcels.keep(session, sink)
    if inbox:
        await parcels.put_in(session, inbox)


async def keep_test(session: AsyncSession, parcel: Parcel, viewer: int | None) -> None:
    """Keep a test that goes to no provider; it shows what is known of the viewer it was written for."""
    await parcels.keep(session, [_sunk(parcel, now=clock.now(), message=None, viewer=viewer)])


def _sunk(parcel: Parcel, *, now: object, message: int | None, viewer: int | None) -> dict[str, object]:
    return {
        "key": parcel.key,
        "channel": parcel.channel,
        "message_id": message,
        "profile_id": viewer,
        "address": addresses.masked(parcel.address),
        "subject": parcel.subject,
        "body": parcel.body,
        "html": parcel.html,
        "link": parcel.link,
        "at": now,
    }
