"""The live evaluator: many rules compiled once, asked about one viewer at one instant.

It answers what docs/rules.md says, as the compiled expression of the warehouse does; a property test holds both against
a third evaluator that shares nothing with them.
"""

from services.segment.rules.judge.explaining import Explained
from services.segment.rules.judge.index import Needs
from services.segment.rules.judge.judge import Judge
from services.segment.rules.judge.nodes import Answer, Memo
from services.segment.rules.judge.viewer import Event, Viewer

__all__ = ["Answer", "Event", "Explained", "Judge", "Memo", "Needs", "Viewer"]
