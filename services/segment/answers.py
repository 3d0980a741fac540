"""Door for questions: what segment answers."""

from __future__ import annotations

from services.segment.actions import erasure, memberships
from shared.answers import Answers
from shared.contracts import AmongAsked, MembersAsked, MembershipsAsked

ANSWERS = (
    Answers(MembershipsAsked, memberships.of_viewer),
    Answers(MembersAsked, memberships.after),
    Answers(AmongAsked, memberships.among),
    *erasure.KEEPS.answers(),
)
