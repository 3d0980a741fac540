"""The chain of the audit log: each line carries a proof over itself and the line before."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

import msgspec

PURPOSE = "audit"
BEGINNING = bytes(32)
"""What stands before the first line."""

LONGEST_REASON = 500


@dataclass(frozen=True)
class Line:
    """One line: who did what to what, why and when."""

    at: datetime
    actor: str
    role: str
    action: str
    objects: list[str]
    reason: str


def proof(key: bytes, previous: bytes, number: int, line: Line) -> bytes:
    """HMAC-SHA256 over the line and the proof of the line before: without the key nobody can write a fitting one."""
    said = (number, line.at, line.actor, line.role, line.action, line.objects, line.reason)
    return hmac.digest(key, previous + msgspec.json.encode(said), hashlib.sha256)


def read(header: str) -> tuple[str, list[str]]:
    """Action and objects of a service's note."""
    action, *objects = header.split()
    return action, [unquote(one) for one in objects]
