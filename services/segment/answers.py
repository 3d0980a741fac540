"""Door for questions: what segment answers."""

from __future__ import annotations

from services.segment.actions import erasure, segments
from shared.answers import Answers
from shared.contracts import MembersAsked, MembershipsAsked

ANSWERS = (
    Answers(MembershipsAsked, segments.of_viewer),
    Answers(MembersAsked, segments.members_after),
    *erasure.KEEPS.answers(),
)
