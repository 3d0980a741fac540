"""What operators say of segments: their rules, their names, their end; and how they see them."""

from services.segment.actions.segments.checks import check, edges, possible, readable
from services.segment.actions.segments.editors import NOBODY, Editor, admit, edition
from services.segment.actions.segments.facts import defined
from services.segment.actions.segments.saving import archive, change, create, reopen, resume, reword
from services.segment.actions.segments.shown import get, output, page

__all__ = [
    "NOBODY",
    "Editor",
    "admit",
    "archive",
    "change",
    "check",
    "create",
    "defined",
    "edges",
    "edition",
    "get",
    "output",
    "page",
    "possible",
    "readable",
    "reopen",
    "resume",
    "reword",
]
