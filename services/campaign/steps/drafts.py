"""Writing a set of messages: who may have his at this moment, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.campaign.actions import asking, messages, outgoing, writing
from services.campaign.actions.asking import Asked, Found
from services.campaign.actions.writing import Version
from services.campaign.memory import Desk
from services.campaign.outside.parcels import Parcel
from services.campaign.rules import addresses, letters, sending, templates, tracking
from services.campaign.rules.variants import Texts
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record
from services.campaign.store.messages import Ready, Result
from shared import clock, telemetry
from shared.bus import Unanswered
from shared.contracts import Contact
from shared.house import House

log = telemetry.logger(__name__)

Links = Mapping[tuple[int, bytes], int]
"""Numbers of links by campaign and digest."""


@dataclass(frozen=True)
class Office:
    """What a turn works with."""

    house: House
    desk: Desk
    settings: CampaignSettings


@dataclass
class Draft:
    """A message that may be sent, before its links are numbered.

    `targets` are where its links lead, each with the digest that finds its number, and the message if it is its own.
    """

    row: Record
    of: Version
    contact: Contact
    texts: Texts
    text: letters.Text
    unsubscribe: str | None
    address: bytes | None
    targets: dict[str, tuple[bytes, int | None]] = field(default_factory=dict)

    @property
    def ready(self) -> Ready:
        """As it is marked when its sending begins."""
        return Ready(self.row.profile_id, not self.of.manners.transactional, self.address)


@dataclass(frozen=True)
class Work:
    """A claim with what was asked about its viewers."""

    claim: messages.Claim
    versions: Mapping[tuple[int, int], Version]
    found: Found

    def of(self, row: Record) -> Version:
        """The version a message was planned with."""
        return self.versions[row.campaign_id, row.version]


async def asked(office: Office, claim: messages.Claim) -> Work | None:
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
            await messages.unpace(session, claim, ids)
        return None


async def drafted(office: Office, work: Work) -> tuple[dict[int, Draft], list[Result]]:
    """The messages that may be sent, by id, and for each other one its one reason."""
    drafts: dict[int, Draft] = {}
    hopeless: list[Result] = []
    digests = {
        key: addresses.digest(office.desk.address_key, contact.address)
        for key, contact in work.found.contacts.items()
        if office.desk.counters[key[0].channel].provider is not None
    }
    gone = await _suppressed(office, digests)
    full = await _full(office, work)
    for row in work.claim.rows:
        try:
            outcome = _draft(office, work, row, digests.get((work.of(row).asked, row.profile_id)), gone, full)
        except Exception as error:  # one message that cannot be written must not hold up all the others for ever
            log.exception("a message cannot be written", message=row.id)
            outcome = not_written(row.id, error)
        if isinstance(outcome, Result):
            hopeless.append(outcome)
        else:
            drafts[row.id] = outcome
    return drafts, hopeless


def not_written(id: int, error: Exception) -> Result:
    """What a message becomes that this code cannot write."""
    return Result(id, "failed", "not_written", addresses.scrubbed(f"{type(error).__name__}: {error}"))


async def _suppressed(office: Office, digests: Mapping[tuple[Asked, int], bytes]) -> set[tuple[str, bytes]]:
    """Addresses of this claim that nothing is sent to any more."""
    by_channel: dict[str, list[bytes]] = {}
    for (asked, _), digest in digests.items():
        by_channel.setdefault(asked.channel, []).append(digest)
    if not by_channel:
        return set()
    async with office.house.db.transaction() as session:
        return await outgoing.suppressed(session, by_channel)


async def _full(office: Office, work: Work) -> set[int]:
    """Viewers of the hold-out who would get no more this week: without them both groups pass the same checks."""
    held = sorted({row.profile_id for row in work.claim.rows if work.of(row).is_held_out(row.profile_id)})
    if not held:
        return set()
    async with office.house.db.transaction() as session:
        return await messages.full(session, held)


def _draft(
    office: Office, work: Work, row: Record, digest: bytes | None, gone: set[tuple[str, bytes]], full: set[int]
) -> Draft | Result:
    """The text of one message, or the one reason why there is none."""
    of = work.of(row)
    key = (of.asked, row.profile_id)
    contact = work.found.contacts.get(key)
    if contact is None:
        reason = work.found.refused.get(key, "no_address")
        return Result(row.id, "skipped", reason, sending.REFUSED.get(reason))
    desk, channel = office.desk, of.content.channel
    if digest is not None and (channel, digest) in gone:
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
    draft = Draft(row, of, contact, texts, text, unsubscribe, digest)
    if of.manners.tracking:
        draft.targets = _targets(draft)
    return draft


def _targets(draft: Draft) -> dict[str, tuple[bytes, int | None]]:
    """Where the links lead. One that the template does not spell out is this message's own: it may name its viewer."""
    text, texts = draft.text, draft.texts
    channel = draft.of.content.channel
    source, urls = texts.html or "", []
    if channel in ("email", "sms"):
        source = f"{source} {texts.body}"
        urls = [*tracking.targets(text.html or ""), *tracking.plain_targets(text.body)]
    elif text.link is not None and tracking.followable(text.link):
        source, urls = texts.link or "", [text.link]
    fixed = tracking.fixed(source)
    owners = {url: None if url in fixed else draft.row.id for url in urls if url != draft.unsubscribe}
    return {url: (tracking.digest(url, owner), owner) for url, owner in owners.items()}


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


def unnumbered(desk: Desk, drafts: Iterable[Draft]) -> dict[tuple[int, bytes], tuple[str, int | None]]:
    """Links of these messages whose numbers this process does not know: address and owner by campaign and digest."""
    return {
        (draft.row.campaign_id, digest): (url, owner)
        for draft in drafts
        for url, (digest, owner) in draft.targets.items()
        if (draft.row.campaign_id, digest) not in desk.links
    }


def parcel(desk: Desk, draft: Draft, numbers: Links) -> Parcel:
    """The message as its provider gets it, with links that tell when they are followed."""
    row, text = draft.row, draft.text
    channel, address = draft.of.content.channel, draft.contact.address
    body, html, link = text.body, text.html, text.link

    def leading(url: str) -> str | None:
        target = draft.targets.get(url)
        number = None if target is None else numbers.get((row.campaign_id, target[0]))
        return None if number is None else tracking.click(desk.link_key, desk.base, row.id, number)

    if draft.of.manners.tracking:
        if html is not None:
            html = tracking.rewritten(html, leading, tracking.opening(desk.link_key, desk.base, row.id))
        if channel in ("email", "sms"):
            body = tracking.plain_rewritten(body, leading)
        if link is not None:
            link = leading(link) or link
    identity = letters.message_id(desk.message_key, row.id, desk.sender.domain)
    raw = b""
    if channel == "email":
        to = letters.mailbox(address)
        address = to.addr_spec
        raw = letters.written(
            letters.Text(text.subject, body, html),
            origin=desk.sender,
            to=to,
            identity=identity,
            at=clock.now(),
            unsubscribe=draft.unsubscribe,
        )
    return Parcel(identity.strip("<>"), channel, address, text.subject, body, html, link, raw)
