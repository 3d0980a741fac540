"""What a tracking call must be like to be taken in, and how it is read: from an SDK's bytes to one encoded fact."""

from gateway.rules.events.batches import BATCH_BYTES, Reading, many
from gateway.rules.events.bodies import DEPTH, read, write_key
from gateway.rules.events.calls import EVENT_BYTES, TEXT, one, taken
from gateway.rules.events.refusals import Refused, Turned, away, turned
from gateway.rules.events.shapes import CALLS, Accepted, Arrival, Sent
from gateway.rules.events.times import FUTURE, OLDEST

__all__ = [
    "BATCH_BYTES",
    "CALLS",
    "DEPTH",
    "EVENT_BYTES",
    "FUTURE",
    "OLDEST",
    "TEXT",
    "Accepted",
    "Arrival",
    "Reading",
    "Refused",
    "Sent",
    "Turned",
    "away",
    "many",
    "one",
    "read",
    "taken",
    "turned",
    "write_key",
]
