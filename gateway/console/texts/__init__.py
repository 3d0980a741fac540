"""The console's texts, by language: `texts/<language>/<first part of the key>.toml`.

A text is a sentence with `{names}`, or a table with `one` and `other` that is chosen by `n`.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

LANGUAGES = {"zh": "中文", "en": "English"}
DEFAULT = "en"

_HERE = Path(__file__).parent


@functools.cache
def catalogue(language: str) -> dict[str, Any]:
    """Texts of a language by their whole key."""
    found: dict[str, Any] = {}
    for path in sorted((_HERE / language).glob("*.toml")):
        _flatten(tomllib.loads(path.read_text(encoding="utf-8")), path.stem, found)
    return found


def _flatten(table: dict[str, Any], prefix: str, found: dict[str, Any]) -> None:
    for name, value in table.items():
        key = f"{prefix}.{name}"
        if isinstance(value, dict) and set(value) != {"one", "other"}:
            _flatten(value, key, found)
        else:
            found[key] = value


def known(language: str, key: str) -> bool:
    """Whether there is such a text."""
    return key in catalogue(language)


def text(language: str, key: str, **values: object) -> str:
    """A text with its values put in. Raises KeyError when there is none: a test finds those."""
    found = catalogue(language)[key]
    if isinstance(found, dict):
        found = found["one" if values.get("n") in (1, "1") else "other"]
    return str(found).format(**values) if values else str(found)


def preferred(accept: str) -> str:
    """The language of an Accept-Language header that we have."""
    for part in accept.lower().split(","):
        language = part.split(";")[0].strip()[:2]
        if language in LANGUAGES:
            return language
    return DEFAULT
