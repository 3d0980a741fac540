"""What events and traits are called in the operator's language, and people and keys by those who named them.

What has no word of ours keeps its name, and who has no name (any more) his id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gateway.console import desk as desks
from gateway.console import texts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

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


ASKED = 100
"""Ids that are asked for at once; an address of more may be too long."""


async def called(desk: Desk, ids: Iterable[str | None]) -> dict[str, str]:
    """Names of operators and keys by id. A page stands without them, so what cannot be had is left out."""
    wanted = sorted({one for one in ids if one})
    found: dict[str, str] = {}
    for start in range(0, len(wanted), ASKED):
        try:
            found |= await desk.api.get("/v1/operators/names", id=wanted[start : start + ASKED])
        except ApiError:
            break
    return found


def source(name: str, named: Mapping[str, str]) -> str:
    """Where an event came from: the name of its write key, also of what was brought in with a key (bulk:…)."""
    way, colon, key = name.rpartition(":")
    return f"{way}{colon}{named.get(key, key)}"


def key_of(source: str) -> str:
    """The id of the key in the name of a source."""
    return source.rpartition(":")[2]
