"""Door for questions: what campaign answers."""

from __future__ import annotations

from services.campaign.actions import erasure, lists
from shared.answers import Answers
from shared.contracts import MessagesAsked

ANSWERS = (Answers(MessagesAsked, lists.of_viewer), *erasure.KEEPS.answers())
