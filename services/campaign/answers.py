"""Door for questions: what campaign answers."""

from __future__ import annotations

from services.campaign.actions import erasure, lists, proof, uses
from shared.answers import Answers
from shared.contracts import FollowAsked, MessagesAsked, UsesAsked

ANSWERS = (
    Answers(MessagesAsked, lists.of_viewer),
    Answers(FollowAsked, proof.follow),
    Answers(UsesAsked, uses.uses),
    *erasure.KEEPS.answers(),
)
