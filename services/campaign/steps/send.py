"""Sending.

Between the transactions of a message lies the call of its provider. Its row says `calling` before the call begins, so
whenever this process dies, everybody can see what is unsure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import Histogram

from services.campaign.actions import asking, messages, outgoing, writing
from services.campaign.actions.asking import Asked, Found
from services.campaign.actions.writing import Version
from services.campaign.memory import Counter, Desk
from services.campaign.outside.parcels import Fate, Outcome, Parcel
from services.campaign.rules import addresses, letters, sending, templates, tracking
from services.campaign.rules.variants import Texts
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record
from services.campaign.store.messages import Result
from shared import clock, telemetry
from shared.bus import Unanswered
from shared.contracts import Contact
from shared.house import House

log = telemetry.logger(__name__)
SECONDS = Histogram("marquee_provider_seconds", "Time of one message at its provider", ["channel", "fate"])

TURN_SECONDS = 3.0
"""A turn ends in time for a graceful stop."""
LINKS_KEPT = 100_000
"""Numbers of links that this process remembers."""


@dataclass(frozen=True)
class Office:
    """What a turn works with."""

    house: House
    desk: Desk
    settings: CampaignSettings


@dataclass
class Draft:
    """A message that may be sent, before its links are numbered."""

    row: Record
    of: Version
    contact: Contact
    texts: Texts
    text: letters.Text
    unsubscribe: str | None
    targets: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """A claim with what was asked about its viewers."""

    claim: messages.Claim
    versions: Mapping[tuple[int, int], Version]
    found: Found

    def of(self, row: Record) -> Version:
        """The version a message was planned with."""
        return self.versions[row.campaign_id, row.version]


async def send(house: House) -> bool:
    """Send what is due, in several lanes: while one waits for the provider another writes."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    office = Office(house, house.memory, settings)
    ends = time.monotonic() + TURN_SECONDS
    lanes = [asyncio.create_task(_lane(office, ends)) for _ in range(settings.send_lanes)]
    try:
        return any(await asyncio.gather(*lanes))
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def _lane(office: Office, ends: float) -> bool:
    """One set after the other, until nothing is due or the turn ends; whether there may be more."""
    more = True
    while more and time.monotonic() < ends:
        more = await _set(office)
    return more


async def _set(office: Office) -> bool:
    """Claim a set of messages, write them, hand them over, and write down what became of them."""
    channels = office.desk.open_channels()
    if not channels:
        return False
    async with office.house.db.transaction() as session:
        claim = await messages.claim(
            session,
            limit=office.settings.send_set,
            channels=channels,
            lease=timedelta(seconds=office.settings.claim_seconds),
        )
    if not claim.rows:
        return False
    work = await _asked(office, claim)
    if work is None:
        return False
    drafts, hopeless = await _drafted(office, work)
    ready = await _ready(office, drafts)
    await _hand_over(office, work, ready, hopeless)
    return True


async def _asked(office: Office, claim: messages.Claim) -> Work | None:
    """Addresses at this moment, of those who consented; None when profile is away, then the claim is given back."""
    versions = {key: writing.version(content, office.settings) for key, content in claim.contents.items()}
    wanted: dict[Asked, list[int]] = {}
    for row in claim.rows:
        wanted.setdefault(versions[row.campaign_id, row.version].asked, []).append(row.profile_id)
    segments = {key for of in versions.values() for key in writing.segments(of)}
    try:
        return Work(claim, versions, await asking.contacts(office.house.bus, wanted, segments))
    except Unanswered as error:
        log.warning("messages wait for profile", messages=len(claim.rows), error=str(error))
        async with office.house.db.transaction() as session:
            ids = [row.id for row in claim.rows]
            await messages.release(session, claim.token, ids, reason="profile_unreachable", detail=str(error))
        return None


async def _drafted(office: Office, work: Work) -> tuple[list[Draft], list[Result]]:
    """The messages that may be sent, and for each other one its one reason."""
    drafts: list[Draft] = []
    hopeless: list[Result] = []
    gone = await _suppressed(office, work)
    full = await _full(office, work)
    for row in work.claim.rows:
        try:
            outcome = _draft(office, work, row, gone, full)
        except Exception as error:  # one message that cannot be written must not hold up all the others for ever
            log.exception("a message cannot be written", message=row.id)
            outcome = Result(row.id, "failed", "not_written", f"{type(error).__name__}: {error}"[:500])
        if isinstance(outcome, Result):
            hopeless.append(outcome)
        else:
            drafts.append(outcome)
    return drafts, hopeless


async def _suppressed(office: Office, work: Work) -> set[tuple[str, bytes]]:
    """Addresses of this claim that nothing is sent to any more."""
    digests: dict[str, list[bytes]] = {}
    for (asked, _), contact in work.found.contacts.items():
        if office.desk.counters[asked.channel].provider is not None:
            digests.setdefault(asked.channel, []).append(addresses.digest(office.desk.address_key, contact.address))
    async with office.house.db.transaction() as session:
        return await outgoing.suppressed(session, digests)


async def _full(office: Office, work: Work) -> set[int]:
    """Viewers of the hold-out who would get no more this week: without them both groups pass the same checks."""
    held = sorted({row.profile_id for row in work.claim.rows if work.of(row).is_held_out(row.profile_id)})
    if not held:
        return set()
    async with office.house.db.transaction() as session:
        return await messages.full(session, held)


def _draft(office: Office, work: Work, row: Record, gone: set[tuple[str, bytes]], full: set[int]) -> Draft | Result:
    """The text of one message, or the one reason why there is none."""
    of = work.of(row)
    key = (of.asked, row.profile_id)
    contact = work.found.contacts.get(key)
    if contact is None:
        reason = work.found.refused.get(key, "no_address")
        return Result(row.id, "skipped", reason, sending.REFUSED.get(reason))
    desk, channel = office.desk, of.content.channel
    if gone and (channel, addresses.digest(desk.address_key, contact.address)) in gone:
        return Result(row.id, "skipped", "suppressed", sending.SUPPRESSED)
    if waits := writing.waits(of, contact, clock.now(), office.settings.default_zone):
        return Result(row.id, "planned", waits[0], None, waits[1])
    if not desk.counters[channel].is_open:  # an older version of the campaign had another channel
        due = clock.now() + sending.OUTAGE_RETRY
        return Result(row.id, "planned", f"{desk.counters[channel].name}_unreachable", None, due)
    unsubscribe = None
    if not of.manners.transactional:
        unsubscribe = tracking.unsubscribing(desk.link_key, desk.base, row.id, row.profile_id, channel)
    try:
        if channel == "email":
            letters.mailbox(contact.address)
        texts, text = writing.text(of, work.found, contact, _values(work, row, of, contact, unsubscribe or ""))
    except letters.BadAddress as error:
        return Result(row.id, "skipped", "bad_address", str(error))
    except templates.Fault as fault:
        return writing.fault(row.id, fault)
    if of.is_held_out(row.profile_id):
        if row.profile_id in full:
            return Result(row.id, "skipped", "capped", sending.CAPPED, uncounted=True)
        return Result(row.id, "held", "hold_out", sending.HELD, variant=texts.variant)
    draft = Draft(row, of, contact, texts, text, unsubscribe)
    if of.manners.tracking:
        if text.html is not None:
            draft.targets = tracking.targets(text.html)
        elif text.link is not None and tracking.followable(text.link):
            draft.targets = [text.link]
    return draft


def _values(work: Work, row: Record, of: Version, contact: Contact, unsubscribe: str) -> dict[str, object]:
    """What the template may show."""
    values = writing.plain_values(of, contact, unsubscribe)
    kind = of.content.trigger_kind
    if kind in ("segment_entered", "segment_left"):
        values["segment"] = {"key": of.content.trigger_name}
    elif kind == "event":
        values["event"] = row.event or {}
    elif row.trigger is not None:
        trigger = work.claim.triggers[row.trigger]
        values["trigger"] = {"name": trigger.name, "id": trigger.trigger_id, "data": trigger.data}
    return values


async def _ready(office: Office, drafts: Sequence[Draft]) -> dict[int, tuple[Draft, Parcel]]:
    """The messages as their providers get them, with links that tell when they are followed."""
    numbers = await _numbered(office, drafts)
    ready: dict[int, tuple[Draft, Parcel]] = {}
    for draft in drafts:
        ready[draft.row.id] = (draft, _parcel(office.desk, draft, numbers))
    return ready


async def _numbered(office: Office, drafts: Sequence[Draft]) -> Mapping[tuple[int, bytes], int]:
    """Numbers of the links in these messages."""
    known = office.desk.links
    new: dict[tuple[int, bytes], str] = {}
    for draft in drafts:
        for url in draft.targets:
            key = (draft.row.campaign_id, tracking.digest(url))
            if key not in known:
                new[key] = url
    if new:
        async with office.house.db.transaction() as session:
            numbers = await outgoing.links(session, new)
        if len(known) + len(numbers) > LINKS_KEPT:
            known.clear()
        known.update(numbers)
    return known


def _parcel(desk: Desk, draft: Draft, numbers: Mapping[tuple[int, bytes], int]) -> Parcel:
    row, text = draft.row, draft.text
    html, link = text.html, text.link

    def leading(url: str) -> str | None:
        number = numbers.get((row.campaign_id, tracking.digest(url))) if tracking.followable(url) else None
        return None if number is None or url == draft.unsubscribe else _click(desk, row.id, number)

    if draft.of.manners.tracking:
        if html is not None:
            html = tracking.rewritten(html, leading, tracking.opening(desk.link_key, desk.base, row.id))
        if link is not None:
            link = leading(link) or link
    channel = draft.of.content.channel
    identity = letters.message_id(desk.message_key, row.id, desk.sender.domain)
    raw = b""
    if channel == "email":
        raw = letters.written(
            letters.Text(text.subject, text.body, html),
            origin=desk.sender,
            to=letters.mailbox(draft.contact.address),
            identity=identity,
            at=clock.now(),
            unsubscribe=draft.unsubscribe,
        )
    address = letters.mailbox(draft.contact.address).addr_spec if channel == "email" else draft.contact.address
    return Parcel(identity.strip("<>"), channel, address, text.subject, text.body, html, link, raw)


def _click(desk: Desk, message: int, number: int) -> str:
    return tracking.click(desk.link_key, desk.base, message, number)


async def _hand_over(
    office: Office, work: Work, ready: Mapping[int, tuple[Draft, Parcel]], hopeless: Sequence[Result]
) -> None:
    """Mark as being sent (committed), send, write down what the providers did."""
    token = work.claim.token
    caps = {id: None if draft.of.manners.transactional else draft.row.profile_id for id, (draft, _) in ready.items()}
    async with office.house.db.transaction() as session:
        called = await messages.call(
            session, token, caps, hopeless, lease=timedelta(seconds=office.settings.call_seconds)
        )
        # Its campaign was paused, or the lease was lost: the latter are not its own any more and stay untouched.
        await messages.release(session, token, [id for id in ready if id not in called.ids and id not in called.capped])
    if not called.ids:
        return
    here = {id: ready[id] for id in sorted(called.ids)}
    kept = {id: parcel for id, (_, parcel) in here.items() if _counter(office, parcel).keeps}
    outside = {id: parcel for id, (_, parcel) in here.items() if id not in kept}
    outcomes = dict(zip(outside, await asyncio.gather(*(_timed(office, one) for one in outside.values())), strict=True))
    results = [
        _result(here[id][0], outcome, allowed=office.settings.smtp_attempts, name=_counter(office, here[id][1]).name)
        for id, outcome in outcomes.items()
    ]
    results += [Result(id, "accepted", variant=here[id][0].texts.variant) for id in kept]
    unsent = [
        viewer
        for id, outcome in outcomes.items()
        if outcome.fate not in (Fate.ACCEPTED, Fate.UNKNOWN) and (viewer := caps[id]) is not None
    ]
    gone = [
        (here[id][1].channel, addresses.digest(office.desk.address_key, here[id][0].contact.address))
        for id, outcome in outcomes.items()
        if outcome.fate is Fate.REFUSED and here[id][1].channel == "email" and sending.is_gone(outcome.said)
    ]
    async with office.house.db.transaction() as session:
        await outgoing.keep(
            session,
            [(id, here[id][0].row.profile_id, parcel, _counter(office, parcel).keeps) for id, parcel in kept.items()],
        )
        await messages.settle(session, token, results, unsent, called.at)
        await outgoing.suppress(session, gone)
    _mind(office, outside, outcomes)


def _mind(office: Office, parcels: Mapping[int, Parcel], outcomes: Mapping[int, Outcome]) -> None:
    """Leave a provider alone for a while that could not be reached by anybody."""
    for counter in {parcel.channel: _counter(office, parcel) for parcel in parcels.values()}.values():
        here = [outcome for id, outcome in outcomes.items() if parcels[id].channel == counter.channel]
        away = [outcome for outcome in here if outcome.fate is Fate.UNREACHABLE]
        if len(away) == len(here):
            log.warning("a provider cannot be reached", channel=counter.channel, error=away[0].said)
            counter.unreachable(away[0].said)
        elif not away:
            counter.trouble = None


def _counter(office: Office, parcel: Parcel) -> Counter:
    return office.desk.counters[parcel.channel]


async def _timed(office: Office, parcel: Parcel) -> Outcome:
    provider = _counter(office, parcel).provider
    assert provider is not None
    began = time.perf_counter()
    outcome = await provider.deliver(parcel)
    SECONDS.labels(parcel.channel, outcome.fate.value).observe(time.perf_counter() - began)
    return outcome


def _result(draft: Draft, outcome: Outcome, *, allowed: int, name: str) -> Result:
    """What a message becomes by what the provider did with it."""
    row, variant = draft.row, draft.texts.variant
    match outcome.fate:
        case Fate.ACCEPTED:
            return Result(row.id, "accepted", None, outcome.said, variant=variant)
        case Fate.REFUSED:
            return Result(row.id, "failed", "refused", outcome.said, variant=variant)
        case Fate.UNKNOWN:
            return Result(row.id, "unknown", "connection_lost", outcome.said, variant=variant)
        case Fate.UNREACHABLE:
            due = clock.now() + sending.OUTAGE_RETRY
            return Result(row.id, "planned", f"{name}_unreachable", outcome.said, due, uncounted=True)
        case Fate.LATER:
            if sending.is_last(row.attempts + 1, allowed):
                return Result(row.id, "failed", "gave_up", outcome.said, variant=variant)
            due = sending.retry_at(clock.now(), row.attempts + 1)
            return Result(row.id, "planned", "try_later", outcome.said, due)
