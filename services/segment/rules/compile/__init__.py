"""Rules compiled for the warehouse: one Ibis expression per rule, which any engine that Ibis knows can run.

It answers what docs/rules.md says, as the live evaluator does; a property test holds both against a third one.
"""

from services.segment.rules.compile.engine import text
from services.segment.rules.compile.tree import Compiled, Known, members

__all__ = ["Compiled", "Known", "members", "text"]
