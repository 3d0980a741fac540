"""Door: clock. What every gateway process does again and again for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Gauge

from gateway import actions, store
from gateway.rules import operators as sessions
from gateway.rules import trim as rules
from shared import clock, telemetry
from shared.contracts import READERS
from shared.loops import Step

if TYPE_CHECKING:
    from gateway.memory import Memory
    from shared.house import House

log = telemetry.logger(__name__)

FULL = Gauge("marquee_stream_full_ratio", "How full a stream is, of 1", ["stream"])
PURGED = Gauge("marquee_stream_purged_sequence", "Up to where a partition has been purged", ["stream", "part"])


async def refresh_keys(house: House) -> bool:
    """Read the keys anew: the floor under the broadcast, which may be lost."""
    memory: Memory = house.memory
    await memory.refresh_keys()
    return False


async def note_used(house: House) -> bool:
    """Write down which keys were used."""
    memory: Memory = house.memory
    used = memory.keyring.used()
    if used:
        async with house.db.transaction() as session:
            await actions.note_used(session, used)
    return False


async def tell_turned_away(house: House) -> bool:
    """Tell profile of the calls that were refused."""
    memory: Memory = house.memory
    await memory.tell_turned_away()
    return False


async def trim(house: House) -> bool:
    """Purge what all expected readers have committed, and say how full the streams are."""
    memory: Memory = house.memory
    reported = memory.reports()
    async with house.db.transaction() as session:
        if reported:
            await actions.note_positions(session, reported)
        positions = await actions.positions(session)
    for stream, expected in READERS.items():
        state = await house.bus.state(stream)
        ratio = state.bytes / state.max_bytes if state.max_bytes > 0 else 0.0
        FULL.labels(stream).set(ratio)
        if ratio >= rules.ALARM:
            log.warning("a stream is nearly full: a reader is behind", stream=stream, full=round(ratio, 3))
        for part, sequence in rules.passed(stream, state.created, expected, positions).items():
            if memory.purged.get((stream, state.created, part), 0) < sequence:
                await house.bus.purge(stream, rules.subject(stream, part), sequence)
                memory.purged[stream, state.created, part] = sequence
                PURGED.labels(stream, str(part)).set(sequence)
    return False


async def sweep_sessions(house: House) -> bool:
    """Drop sessions that have ended and tries that no longer count."""
    now = clock.now()
    async with house.db.transaction() as session:
        await store.sweep_sessions(
            session, created=now - sessions.LONGEST, used=now - sessions.IDLE, tried=now - sessions.WINDOW
        )
    return False


STEPS = (
    Step("keys", refresh_keys, pause=3.0),
    Step("keys used", note_used, pause=15.0),
    Step("turned away", tell_turned_away, pause=5.0),
    Step("trim", trim, pause=5.0),
    Step("sessions", sweep_sessions, pause=3600.0),
)
