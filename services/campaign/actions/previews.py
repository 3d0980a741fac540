"""Preview as a real viewer, and tests to one's own address. Nothing of them counts anywhere."""

from __future__ import annotations

import uuid

from services.campaign.actions import asking, campaigns, outgoing, writing
from services.campaign.actions.asking import Asked, Found
from services.campaign.actions.writing import Version
from services.campaign.memory import Desk
from services.campaign.outside.parcels import Fate, Parcel
from services.campaign.rules import letters, templates
from services.campaign.rules.letters import Text
from services.campaign.schemas.reports import Preview, TestInput, TestSent
from services.campaign.settings import CampaignSettings
from shared import clock
from shared.bus import Unanswered
from shared.contracts import Contact
from shared.errors import Invalid, Unavailable
from shared.house import House

EVERYBODY = "inbox"
"""The channel on which everybody is reached: who has no address can still be shown a message."""


async def preview(house: House, key: str, ref: str) -> Preview:
    """The message as this viewer would get it. Raises NoCampaign, BadRef, UnknownViewer, Unavailable."""
    of = await _version(house, key)
    try:
        profile_id = await asking.viewer(house.bus, ref)
        reason, contact, found = await _found(house, of, profile_id)
    except Unanswered as error:
        raise Unavailable("profile does not answer: try again in a moment") from error
    if contact is None:
        return Preview(profile_id=profile_id, reachable=False, reason=reason, variant=None)
    desk: Desk = house.memory
    values = _shown(of, contact, desk)
    try:
        texts, text = writing.text(of, found, contact, values)
    except templates.Fault as fault:
        result = writing.fault(0, fault)
        return Preview(profile_id=profile_id, reachable=False, reason=f"{result.reason}: {fault}", variant=None)
    return Preview(
        profile_id=profile_id,
        reachable=reason is None,
        reason=reason,
        variant=texts.variant,
        subject=text.subject,
        body=text.body,
        html=text.html,
        link=text.link,
    )


async def test(house: House, key: str, asked: TestInput) -> TestSent:
    """Send one message to an address. Raises NoCampaign, UnknownViewer, Invalid, Unavailable."""
    of = await _version(house, key)
    contact, found = None, Found()
    if asked.ref is not None:
        try:
            profile_id = await asking.viewer(house.bus, asked.ref)
            _, contact, found = await _found(house, of, profile_id)
        except Unanswered as error:
            raise Unavailable("profile does not answer: try again in a moment") from error
    desk: Desk = house.memory
    nobody = contact or Contact(profile_id=0, address="", traits={})
    try:
        texts, text = writing.text(of, found, nobody, _shown(of, contact, desk))
    except templates.Fault as fault:
        raise Invalid(str(fault), field="ref" if fault.missing else "content") from fault
    parcel = _parcel(desk, of.content.channel, asked.address, text)
    counter = desk.counters[parcel.channel]
    if counter.provider is not None:
        outcome = await counter.provider.deliver(parcel)
        return TestSent(accepted=outcome.fate is Fate.ACCEPTED, detail=outcome.said, variant=texts.variant)
    if counter.keeps is None:
        raise Unavailable(counter.held_up or "nothing can be sent now")
    async with house.db.transaction() as session:
        await outgoing.keep_test(session, parcel, contact.profile_id if contact else None)
    return TestSent(accepted=True, detail="kept in the local sink: see /v1/outbox", variant=texts.variant)


async def _version(house: House, key: str) -> Version:
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    async with house.db.transaction() as session:
        return writing.version(await campaigns.found(session, key), settings)


async def _found(house: House, of: Version, profile_id: int) -> tuple[str | None, Contact | None, Found]:
    """Why he would get nothing, and what is known of him unless he refused to be contacted at all."""
    shown = Asked(EVERYBODY, of.asked.purpose, of.asked.targeted)
    both = {one: [profile_id] for one in {of.asked, shown}}
    found = await asking.contacts(house.bus, both, writing.segments(of))
    reason = found.refused.get((of.asked, profile_id))
    contact = found.contacts.get((of.asked, profile_id)) or found.contacts.get((shown, profile_id))
    return reason, contact, found


def _shown(of: Version, contact: Contact | None, desk: Desk) -> dict[str, object]:
    return writing.plain_values(of, contact, f"{desk.base}/t/u/preview")


def _parcel(desk: Desk, channel: str, address: str, text: Text) -> Parcel:
    """A test: nothing in it is tracked, and its key is its own."""
    key = f"test.{uuid.uuid4().hex}@{desk.sender.domain}"
    if channel != "email":
        return Parcel(key, channel, address, text.subject, text.body, text.html, text.link)
    try:
        to = letters.mailbox(address)
    except letters.BadAddress as error:
        raise Invalid(str(error), field="address") from error
    raw = letters.written(text, origin=desk.sender, to=to, identity=f"<{key}>", at=clock.now())
    return Parcel(key, channel, to.addr_spec, text.subject, text.body, text.html, None, raw)
