"""What events and traits are called in the operator's language; what has no word of ours keeps its name."""

from __future__ import annotations

import re

from gateway.console import desk as desks
from gateway.console import texts
from gateway.console.desk import t

ANY = "*"
"""Any event, whatever its name, in rules and in questions."""


def _named(group: str, name: str) -> str:
    key = f"{group}.{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}"
    return t(key) if texts.known(desks.here().language, key) else name


def event(name: str) -> str:
    """An event: Video Watched, 观看视频; any event, 任意事件."""
    return t("rules.any_event") if name == ANY else _named("events", name)


def trait(name: str) -> str:
    """A trait: age, 年龄."""
    return _named("traits", name)
