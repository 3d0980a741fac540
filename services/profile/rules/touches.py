"""Where a viewer came from: the campaign or share link an event carries, as first and last touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from services.profile.rules import bots
from services.profile.rules.events import Call

TEXT = 200
"""Characters that are kept of each parameter."""

URL = 8192
"""Characters of a URL that are looked at."""


class Touch(msgspec.Struct, frozen=True, omit_defaults=True):
    """One arrival: UTM parameters, who shared the link and where, the page, and what was done there."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    share_from: str | None = None
    sharer_id: str | None = None
    page: str | None = None
    event: str | None = None


class Placed(NamedTuple):
    """A touch and when it was."""

    at: datetime
    touch: Touch


class Both(NamedTuple):
    """First and last touch of somebody."""

    first: Placed
    last: Placed


_CAMPAIGN = {"source": "source", "medium": "medium", "name": "campaign", "term": "term", "content": "content"}
_QUERY = {f"utm_{said}": field for said, field in _CAMPAIGN.items()} | {
    "utm_campaign": "campaign",
    "share_from": "share_from",
    "sharer_id": "sharer_id",
}
_SHARED = ("share_from", "sharer_id")


def touch(call: Call) -> Touch | None:
    """The touch that a call carries; None for nearly all of them, and for programs, which nobody invited.

    `context.campaign` (Segment's) goes before the query of `context.page.url` or `properties.url`; share parameters
    may also stand in the properties of a link that was opened.
    """
    context, properties = call.item.context, call.properties
    if bots.mark(context) is not None:
        return None
    campaign, page = context.get("campaign"), context.get("page")
    url = page.get("url") if isinstance(page, dict) else None
    if url is None:
        url = properties.get("url")
    tagged = isinstance(url, str) and ("utm_" in url or "share_from" in url or "sharer_id" in url)
    if not tagged and not campaign and "share_from" not in properties and "sharer_id" not in properties:
        return None
    said: dict[str, str] = {}
    if tagged:
        said |= _asked(url[:URL])  # type: ignore[index] # a text, or it would not be tagged
    if "share_from" in properties or "sharer_id" in properties:
        said |= _texts({name: name for name in _SHARED}, properties)
    if isinstance(campaign, dict):
        said |= _texts(_CAMPAIGN, campaign)
    if not said:
        return None
    where = url.partition("?")[0].partition("#")[0][:TEXT] if isinstance(url, str) else None
    return Touch(**said, page=where or None, event=call.event[:TEXT] if call.event else None)


def both(found: Iterable[Placed]) -> Both | None:
    """The earliest and the latest of these; of those at one instant the order of their text decides."""
    placed = sorted(found, key=lambda one: (one.at, msgspec.json.encode(one.touch)))
    return Both(placed[0], placed[-1]) if placed else None


def _asked(url: str) -> dict[str, str]:
    try:
        parts = urlsplit(url)
        # Single-page apps have their query behind the fragment: https://x/#/page?utm_source=…
        text = parts.query or parts.fragment.partition("?")[2]
        return _texts(_QUERY, dict(parse_qsl(text, max_num_fields=200)))
    except ValueError:
        return {}


def _texts(fields: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, field in fields.items():
        value = said.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value and "\0" not in value:
            texts[field] = value[:TEXT]
    return texts
