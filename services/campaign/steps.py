"""Door for work that must not hold one transaction: resolving triggers, and sending.

Between the transactions of a message lies the call of the SMTP server. Its row says `calling` before the call begins,
so whenever this process dies, everybody can see what is unsure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Histogram

from services.campaign.actions import messages, triggers
from services.campaign.memory import Desk
from services.campaign.outside.smtp import Fate, Letter, Outcome
from services.campaign.rules import letters, occasions, sending, templates
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record
from services.campaign.store.messages import Result
from shared import clock, telemetry
from shared.bus import Unanswered
from shared.contracts import Contact, ContactsAnswered, ContactsAsked, ResolveAnswered, ResolveAsked
from shared.house import House
from shared.loops import Step

log = telemetry.logger(__name__)
SMTP_SECONDS = Histogram("marquee_smtp_seconds", "Time of one letter at the SMTP server", ["fate"])

TURN_SECONDS = 3.0
"""A turn ends in time for a graceful stop; what it has claimed and not begun is planned again."""
RESOLVED_AT_ONCE = 500
PER_CONNECTION = 4
"""Letters marked as being sent at once, per connection: more would be in doubt after a crash, fewer cost commits."""


@dataclass(frozen=True)
class Work:
    """A claim with the addresses of its viewers; by whether they were chosen by what they did, and by profile."""

    claim: messages.Claim
    contacts: Mapping[tuple[bool, int], Contact]
    refused: Mapping[tuple[bool, int], str]


async def resolve(house: House) -> bool:
    """Plan the messages of triggers whose viewers profile knows."""
    async with house.db.transaction() as session:
        due = await triggers.due(session)
    if not due:
        return False
    refs = list({ref for row in due for ref in occasions.refs(row.data)[1]})
    known: dict[str, int] = {}
    try:
        for start in range(0, len(refs), RESOLVED_AT_ONCE):
            question = ResolveAsked(refs=refs[start : start + RESOLVED_AT_ONCE])
            known |= (await house.bus.ask(question, ResolveAnswered)).profile_ids
    except Unanswered as error:
        log.warning("triggers wait for profile", triggers=len(due), error=str(error))
        async with house.db.transaction() as session:
            await triggers.postpone(session, due, reason="profile_unreachable")
        return False
    for row in due:
        async with house.db.transaction() as session:
            await triggers.plan(session, row.id, known)
    return True


async def send(house: House) -> bool:
    """Send what is due: claim, ask for addresses, and hand over in small groups."""
    desk: Desk = house.memory
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    if desk.post is None or time.monotonic() < desk.closed_until:
        return False
    async with house.db.transaction() as session:
        claim = await messages.claim(session, lease=timedelta(seconds=settings.claim_seconds))
    if not claim.rows:
        return False
    work = await _addressed(house, claim)
    if work is None:
        return False
    ends = time.monotonic() + TURN_SECONDS
    size = settings.smtp_connections * PER_CONNECTION
    rows = list(claim.rows)
    while rows and time.monotonic() < ends and time.monotonic() >= desk.closed_until:
        group, rows = rows[:size], rows[size:]
        await _hand_over(house, desk, settings, work, group)
    if rows:
        reason, detail = ("smtp_unreachable", desk.trouble) if desk.trouble else (None, None)
        async with house.db.transaction() as session:
            await messages.release(session, claim.token, [row.id for row in rows], reason=reason, detail=detail)
    return time.monotonic() >= desk.closed_until


async def _addressed(house: House, claim: messages.Claim) -> Work | None:
    """Addresses at this moment, of those who consented; None when profile is away, then the claim is given back."""
    contacts: dict[tuple[bool, int], Contact] = {}
    refused: dict[tuple[bool, int], str] = {}
    try:
        for targeted in (False, True):
            ids = sorted({row.profile_id for row in claim.rows if _is_targeted(claim, row) is targeted})
            if ids:
                question = ContactsAsked(profile_ids=ids, channel="email", targeted=targeted)
                answer = await house.bus.ask(question, ContactsAnswered)
                contacts |= {(targeted, contact.profile_id): contact for contact in answer.contacts}
                refused |= {(targeted, profile_id): reason for profile_id, reason in answer.refused.items()}
    except Unanswered as error:
        log.warning("messages wait for profile", messages=len(claim.rows), error=str(error))
        async with house.db.transaction() as session:
            ids = [row.id for row in claim.rows]
            await messages.release(session, claim.token, ids, reason="profile_unreachable", detail=str(error))
        return None
    return Work(claim, contacts, refused)


def _is_targeted(claim: messages.Claim, row: Record) -> bool:
    """Whether the viewer was chosen by what he did: by a segment."""
    kind: str = claim.contents[row.campaign_id, row.version].trigger_kind
    return kind.startswith("segment_")


async def _hand_over(house: House, desk: Desk, settings: CampaignSettings, work: Work, rows: Sequence[Record]) -> None:
    """One group: write, mark as being sent (committed), send, write down what the server did."""
    assert desk.post is not None
    token = work.claim.token
    written: dict[int, Letter] = {}
    hopeless: list[Result] = []
    for row in rows:
        try:
            outcome = _written(desk, work, row)
        except Exception as error:  # one message that cannot be written must not hold up all the others for ever
            log.exception("a message cannot be written", message=row.id)
            outcome = Result(row.id, "failed", "not_written", f"{type(error).__name__}: {error}"[:500])
        if isinstance(outcome, Result):
            hopeless.append(outcome)
        else:
            written[row.id] = outcome
    async with house.db.transaction() as session:
        mine = await messages.call(
            session, token, list(written), hopeless, lease=timedelta(seconds=settings.call_seconds)
        )
        # Its campaign was paused, or the lease was lost: the latter are not its own any more and stay untouched.
        await messages.release(session, token, [id for id in written if id not in mine])
    called = [row for row in rows if row.id in mine]
    if not called:
        return
    outcomes = await asyncio.gather(*(_timed(desk, written[row.id]) for row in called))
    results = [
        _result(row, outcome, allowed=settings.smtp_attempts) for row, outcome in zip(called, outcomes, strict=True)
    ]
    async with house.db.transaction() as session:
        await messages.settle(session, token, results)
    away = [outcome for outcome in outcomes if outcome.fate is Fate.UNREACHABLE]
    if len(away) == len(outcomes):
        log.warning("the SMTP server cannot be reached", error=away[0].said)
        desk.unreachable(away[0].said)
    elif not away:
        desk.trouble = None


async def _timed(desk: Desk, letter: Letter) -> Outcome:
    assert desk.post is not None
    began = time.perf_counter()
    outcome = await desk.post.deliver(letter)
    SMTP_SECONDS.labels(outcome.fate.value).observe(time.perf_counter() - began)
    return outcome


def _written(desk: Desk, work: Work, row: Record) -> Letter | Result:
    """The letter of one message, or the one reason why there is none."""
    key = (_is_targeted(work.claim, row), row.profile_id)
    contact = work.contacts.get(key)
    if contact is None:
        reason = work.refused.get(key, "no_address")
        return Result(row.id, "skipped", reason, sending.REFUSED.get(reason))
    content = work.claim.contents[row.campaign_id, row.version]
    try:
        to = letters.mailbox(contact.address)
        sources = templates.Templates(content.subject, content.body, content.html, content.missing)
        text = templates.message(sources, _values(work, row, contact, content))
    except letters.BadAddress as error:
        return Result(row.id, "skipped", "bad_address", str(error))
    except templates.Fault as fault:
        if fault.missing:
            return Result(row.id, "skipped", "missing_value", str(fault))
        return Result(row.id, "failed", "template_error", str(fault))
    identity = letters.message_id(desk.key, row.id, desk.sender.domain)
    raw = letters.written(text, origin=desk.sender, to=to, identity=identity, at=clock.now())
    return Letter(desk.sender.address, to.addr_spec, raw)


def _values(work: Work, row: Record, contact: Contact, content: Record) -> dict[str, object]:
    """What the template may show: plain data only."""
    values: dict[str, object] = {
        "profile": {"id": contact.profile_id, "traits": contact.traits},
        "campaign": {"key": content.key, "name": content.name},
    }
    if content.trigger_kind in ("segment_entered", "segment_left"):
        values["segment"] = {"key": content.trigger_name}
    elif content.trigger_kind == "event":
        values["event"] = row.event or {}
    elif row.trigger is not None:
        trigger = work.claim.triggers[row.trigger]
        values["trigger"] = {"name": trigger.name, "id": trigger.trigger_id, "data": trigger.data}
    return values


def _result(row: Record, outcome: Outcome, *, allowed: int) -> Result:
    """What a message becomes by what the server did with it."""
    match outcome.fate:
        case Fate.ACCEPTED:
            return Result(row.id, "accepted", None, outcome.said)
        case Fate.REFUSED:
            return Result(row.id, "failed", "refused", outcome.said)
        case Fate.UNKNOWN:
            return Result(row.id, "unknown", "connection_lost", outcome.said)
        case Fate.UNREACHABLE:
            due = clock.now() + sending.OUTAGE_RETRY
            return Result(row.id, "planned", "smtp_unreachable", outcome.said, due, uncounted=True)
        case Fate.LATER:
            if sending.is_last(row.attempts + 1, allowed):
                return Result(row.id, "failed", "gave_up", outcome.said)
            due = sending.retry_at(clock.now(), row.attempts + 1)
            return Result(row.id, "planned", "try_later", outcome.said, due)


STEPS = (Step("resolve", resolve), Step("send", send))
