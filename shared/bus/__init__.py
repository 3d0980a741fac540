"""The bus: NATS JetStream, the only place that imports `nats`."""

from shared.bus.connection import Bus
from shared.bus.errors import BusDown, Unanswered
from shared.bus.pull import Broken, Pull, Received
from shared.bus.streams import STREAMS, StreamState

__all__ = ["STREAMS", "Broken", "Bus", "BusDown", "Pull", "Received", "StreamState", "Unanswered"]
