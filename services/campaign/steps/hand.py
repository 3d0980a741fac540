"""Handing a set over: marked as being sent, given to the providers, and what they did is written down come what may."""

from __future__ import annotations

import asyncio
import time
from collections import ChainMap
from collections import Counter as Counts
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from prometheus_client import Histogram

from services.campaign.actions import messages, outcomes, outgoing
from services.campaign.actions.outcomes import Outcomes
from services.campaign.outside.parcels import UNBEGUN, Fate, Outcome, Parcel
from services.campaign.rules import addresses, sending
from services.campaign.rules.sending import Blame
from services.campaign.steps import drafts
from services.campaign.steps.drafts import Draft, Links, Office, Work
from services.campaign.store.manners import Gone
from services.campaign.store.messages import Result
from shared import clock, telemetry
from shared.database import is_outage

log = telemetry.logger(__name__)
SECONDS = Histogram("marquee_provider_seconds", "Time of one message at its provider", ["channel", "fate"])

LINKS_KEPT = 100_000
"""Numbers of links that this process remembers."""
STOP_SECONDS = 3.0
"""How long a closing house tries to write outcomes into a database that does not answer."""


@dataclass
class Set:
    """Messages that were marked as being sent, as their providers get them, and what became of them."""

    office: Office
    drafts: Mapping[int, Draft]
    record: Outcomes
    parcels: dict[int, Parcel] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    said: dict[int, Outcome] = field(default_factory=dict)
    """What providers did, as far as they answered."""


async def hand_over(
    office: Office, work: Work, ready: Mapping[int, Draft], hopeless: Sequence[Result], fresh: float
) -> dict[str, int]:
    """Mark as being sent (committed), send, write down what the providers did; how many were begun by channel.

    What has not begun when the answers about consent are no longer fresh (monotonic time), or when the house closes, is
    given back.
    """
    called, numbers = await _called(office, work, ready, hopeless)
    here = Set(office, {id: ready[id] for id in sorted(called.ids)}, Outcomes(work.claim, called.at))
    _write(here, numbers)
    loops = office.house.loops
    try:
        await _deliver(here, lambda: time.monotonic() < fresh and not loops.stopping)
    finally:
        _judge(here)
        if here.record.results:
            # What the providers said is known nowhere else: a cancel must not throw it away.
            await _undisturbed(_recorded(office, here.record))
    begun = Counts(here.parcels[id].channel for id, one in here.said.items() if one.fate is not Fate.UNBEGUN)
    return {here.parcels[id].channel: 0 for id in here.said} | begun


async def _called(
    office: Office, work: Work, ready: Mapping[int, Draft], hopeless: Sequence[Result]
) -> tuple[messages.Called, Links]:
    """Which may be sent now, and the numbers of their links."""
    token = work.claim.token
    lease = timedelta(seconds=office.settings.call_seconds)
    marks = {id: draft.ready for id, draft in ready.items()}
    async with office.house.db.transaction() as session:
        called = await messages.call(session, token, marks, hopeless, lease=lease)
        # Its campaign was paused, its viewer is another one now, or the lease was lost: the last are not its own any
        # more and stay untouched.
        await messages.release(session, token, [id for id in ready if id not in called.ids and id not in called.capped])
        # With the rows locked: an erasure sees either no message of its viewer, or its links too.
        new = drafts.unnumbered(office.desk, (ready[id] for id in called.ids))
        numbers = await outgoing.links(session, new) if new else {}
    if work.claim.paced:
        async with office.house.db.transaction() as session:
            await messages.unpace(session, work.claim, {row.id for row in work.claim.rows} - called.ids)
    shared = {key: number for key, number in numbers.items() if new[key][1] is None}
    if len(office.desk.links) + len(shared) > LINKS_KEPT:
        office.desk.links.clear()
    office.desk.links.update(shared)
    return called, ChainMap(numbers, office.desk.links)


def _write(here: Set, numbers: Links) -> None:
    """Put the messages into the form in which they leave. One that cannot be written has not begun to be sent."""
    for id, draft in here.drafts.items():
        try:
            here.parcels[id] = drafts.parcel(here.office.desk, draft, numbers)
        except Exception as error:
            log.exception("a message cannot be written", message=id)
            here.record.results[id] = drafts.not_written(id, error)
            here.record.unsent.add(id)


async def _deliver(here: Set, may: Callable[[], bool]) -> None:
    """Hand over as many at a time as there are connections. What was not begun when this ends is known as such."""
    outside: list[int] = []
    for id, parcel in here.parcels.items():
        keeps = here.office.desk.counters[parcel.channel].keeps
        if keeps is None:
            outside.append(id)
        else:
            here.record.kept[id] = (parcel, keeps)
    left = iter(outside)
    workers = min(len(outside), here.office.settings.smtp_connections)
    try:
        await asyncio.gather(*(_worker(here, left, may) for _ in range(workers)))
    finally:
        for id in outside:
            if id not in here.said and id not in here.begun:
                here.said[id] = UNBEGUN


async def _worker(here: Set, left: Iterator[int], may: Callable[[], bool]) -> None:
    for id in left:
        parcel = here.parcels[id]
        provider = here.office.desk.counters[parcel.channel].provider
        assert provider is not None

        def begins(id: int = id) -> bool:
            if may():
                here.begun.add(id)
                return True
            return False

        began = time.perf_counter()
        try:
            outcome = await provider.deliver(parcel, begins)
        except Exception as error:  # nobody can know how far it came
            log.exception("a provider's adapter failed", message=id)
            outcome = Outcome(Fate.UNKNOWN, f"{type(error).__name__}: {error}")
        here.said[id] = outcome
        if outcome.fate is not Fate.UNBEGUN:
            SECONDS.labels(parcel.channel, outcome.fate.value).observe(time.perf_counter() - began)


def _judge(here: Set) -> None:
    """What each message becomes; and a provider that nobody got through to is left alone for a while."""
    desk, record = here.office.desk, here.record
    through = _mind(here)
    for id, outcome in here.said.items():
        parcel, draft = here.parcels[id], here.drafts[id]
        said = addresses.scrubbed(outcome.said, parcel.address, but=desk.sender.address)
        record.results[id] = _result(here.office, draft, outcome, said, through=parcel.channel in through)
        if outcome.fate not in (Fate.ACCEPTED, Fate.UNKNOWN):
            record.unsent.add(id)
        if outcome.fate is Fate.REFUSED and sending.blame(outcome.stage, outcome.said) is Blame.ADDRESS:
            assert draft.address is not None
            record.gone[id] = Gone(parcel.channel, draft.address, id, said)
    for id in record.kept:
        record.results[id] = Result(id, "accepted", variant=here.drafts[id].texts.variant)


def _mind(here: Set) -> set[str]:
    """Channels whose provider took, or properly refused, any of these; what the others make of us is noted."""
    by_channel: dict[str, list[Outcome]] = {}
    for id, outcome in here.said.items():
        if outcome.fate is not Fate.UNBEGUN:
            by_channel.setdefault(here.parcels[id].channel, []).append(outcome)
    through: set[str] = set()
    for channel, outcomes_ in by_channel.items():
        counter = here.office.desk.counters[channel]
        away = [one for one in outcomes_ if one.fate is Fate.UNREACHABLE]
        closed = [one for one in outcomes_ if _is_ours(one)]
        why = addresses.scrubbed((closed or away or outcomes_)[0].said, but=here.office.desk.sender.address)
        if len(away) + len(closed) < len(outcomes_):
            through.add(channel)
            counter.reached(fully=not away)
        elif closed:
            log.error("a provider takes nothing from us", channel=channel, error=why)
            counter.turned_away(why)
        else:
            log.warning("a provider cannot be reached", channel=channel, error=why)
            counter.unreachable(why)
    return through


def _is_ours(outcome: Outcome) -> bool:
    return outcome.fate is Fate.REFUSED and sending.blame(outcome.stage, outcome.said) is Blame.OURS


def _result(office: Office, draft: Draft, outcome: Outcome, said: str, *, through: bool) -> Result:
    """What a message becomes by what the provider did with it. `through`: others of its set were let through."""
    row, variant = draft.row, draft.texts.variant
    name = office.desk.counters[draft.of.content.channel].name
    now = clock.now()
    match outcome.fate:
        case Fate.ACCEPTED:
            return Result(row.id, "accepted", None, said, variant=variant)
        case Fate.UNKNOWN:
            return Result(row.id, "unknown", "connection_lost", said, variant=variant)
        case Fate.UNBEGUN:
            return Result(row.id, "planned", uncounted=True)
        case Fate.UNREACHABLE:
            due = now + sending.OUTAGE_RETRY
            return Result(row.id, "planned", f"{name}_unreachable", said, due, uncounted=True)
    reason, due = "try_later", sending.retry_at(now, row.attempts + 1)
    if outcome.fate is Fate.REFUSED:
        fault = sending.blame(outcome.stage, outcome.said)
        if fault is Blame.OURS and outcome.stage == "sender":
            return Result(row.id, "planned", f"{name}_refuses", said, now + sending.CLOSED_RETRY, uncounted=True)
        if fault is Blame.OURS and not through:
            reason, due = f"{name}_refuses", now + sending.CLOSED_RETRY
        elif fault is not Blame.RELAY:
            return Result(row.id, "failed", "refused", said, variant=variant)
    if sending.is_last(row.attempts + 1, office.settings.smtp_attempts):
        return Result(row.id, "failed", "gave_up", said, variant=variant)
    return Result(row.id, "planned", reason, said, due)


async def _recorded(office: Office, record: Outcomes) -> None:
    """Write a set's outcomes down, through an outage of the database too.

    What the database cannot take for another reason is found by halves, so that it costs nobody else his outcome: its
    own stays unwritten, and its lease makes it unknown.
    """
    try:
        await _through_outage(office, record)
    except Exception as error:
        if is_outage(error):
            log.error("outcomes could not be written", messages=len(record.results), error=str(error)[:500])
            raise
        ids = sorted(record.results)
        if len(ids) == 1:
            log.exception("an outcome cannot be written", message=ids[0])
            return
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            await _recorded(office, record.part(half))


async def _through_outage(office: Office, record: Outcomes) -> None:
    """The transaction of a set's outcomes, again and again as long as anybody waits for them."""
    problem: Exception | None = None
    waited = 0.0
    for pause in sending.pauses(office.settings.call_seconds):
        try:
            async with office.house.db.transaction() as session:
                await outcomes.settle(session, record)
        except Exception as error:
            problem = error
        else:
            return
        if not is_outage(problem) or (office.house.loops.stopping and waited > STOP_SECONDS):
            break
        log.warning("outcomes wait for the database", messages=len(record.results), error=str(problem)[:500])
        await asyncio.sleep(pause)
        waited += pause
    assert problem is not None
    raise problem


async def _undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Bring this to its end, whoever cancels meanwhile; the cancel counts afterwards."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
        except Exception:  # told below
            break
    await task
    if cancelled:
        raise asyncio.CancelledError
