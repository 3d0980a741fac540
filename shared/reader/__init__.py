"""Reading a stream once and in order: position, effects and told facts are one transaction."""

from shared.reader.applying import Apply
from shared.reader.decoding import UNREADABLE, Heard, layers
from shared.reader.listening import MissedFacts, On, catching_up
from shared.reader.positions import LostPosition
from shared.reader.reading import BATCH, BATCH_BYTES, Abreast, Reader

__all__ = [
    "BATCH",
    "BATCH_BYTES",
    "UNREADABLE",
    "Abreast",
    "Apply",
    "Heard",
    "LostPosition",
    "MissedFacts",
    "On",
    "Reader",
    "catching_up",
    "layers",
]
