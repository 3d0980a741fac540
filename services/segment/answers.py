"""Door for questions: what segment answers."""

from __future__ import annotations

from services.segment.actions import erasure, memberships
from shared.answers import Answers
from shared.contracts import MembersAsked, MembershipsAsked

ANSWERS = (
    Answers(MembershipsAsked, memberships.of_viewer),
    Answers(MembersAsked, memberships.after),
    *erasure.KEEPS.answers(),
)
