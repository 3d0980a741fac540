"""The meaning of rules said once more, by brute force over raw data, sharing nothing with what it judges."""

from tests.segment.naive.evaluator import World, holds
from tests.segment.naive.instants import instants
from tests.segment.naive.people import Happening, Person

__all__ = ["Happening", "Person", "World", "holds", "instants"]
