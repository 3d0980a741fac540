"""What can go wrong on the bus."""


class BusDown(Exception):
    """The bus did not take it: not connected, no acknowledgement in time, or the stream is full."""

    outage = True


class Unanswered(BusDown):
    """Nobody answered a question in time, or the answering service failed."""
