"""Which of a campaign's texts is a viewer's: the first variant that fits, else the default."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT = "default"


@dataclass(frozen=True)
class Texts:
    """The templates of one variant."""

    variant: str
    subject: str | None
    body: str
    html: str | None
    link: str | None


def segments(variants: Sequence[Mapping[str, Any]]) -> set[str]:
    """Segments that must be known to choose."""
    return {one["when"]["segment"] for one in variants if one["when"].get("segment")}


def chosen(content: Any, *, member_of: Collection[str], tags: Collection[str]) -> Texts:
    """The texts for a viewer who is in these segments and has these tags. `content` is a version with its variants."""
    for one in content.variants:
        when = one["when"]
        if when.get("segment") in member_of or when.get("tag") in tags:
            return Texts(one["name"], one["subject"], one["body"], one["html"], one["link"])
    return Texts(DEFAULT, content.subject, content.body, content.html, content.link)
