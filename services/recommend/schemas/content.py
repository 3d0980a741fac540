"""What may stand in a creative and in an item: bounded text, and links that lead to the web."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

URL_FIELDS = ("image_url", "link_url")
MOST_FIELDS = 30
LONGEST_ID = 200
"""Longest id of an item, in characters; what is longer is no id of ours."""
LONGEST_TEXT = 2000
LONGEST_URL = 2000
LARGEST_PROPERTIES = 16 * 1024


def storable(value: str) -> str:
    """The text of a path, which no body's check has seen; ValueError when PostgreSQL cannot hold it."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode") from None
    return value


def web_url(value: str) -> str:
    """The URL itself; ValueError unless it is an absolute http or https address."""
    if len(value) > LONGEST_URL:
        raise ValueError(f"must have at most {LONGEST_URL} characters")
    if any(sign.isspace() or ord(sign) < 32 or ord(sign) == 127 for sign in value) or "\\" in value:
        raise ValueError("must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(value)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise ValueError("must be a web address like https://example.com/page") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise ValueError("must be a web address that begins with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    return value


def content(fields: dict[str, str]) -> dict[str, str]:
    """The creative's content; ValueError naming the field that is wrong."""
    if not fields:
        raise ValueError("must have at least one field, such as title")
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"must have at most {MOST_FIELDS} fields")
    for name, value in fields.items():
        try:
            if not 0 < len(name) <= 100:
                raise ValueError("a field's name must have 1 to 100 characters")
            if name in URL_FIELDS:
                web_url(value)
            if len(value) > LONGEST_TEXT:
                raise ValueError(f"must have at most {LONGEST_TEXT} characters")
        except ValueError as error:
            raise ValueError(f"{name[:100]}: {error}") from None
    return fields


def properties(values: dict[str, Any]) -> dict[str, Any]:
    """The item's properties; ValueError when they are too large or no JSON."""
    try:
        size = len(json.dumps(values, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, RecursionError):
        raise ValueError("must be plain JSON, not too deep") from None
    if size > LARGEST_PROPERTIES:
        raise ValueError(f"must have at most {LARGEST_PROPERTIES} bytes as JSON")
    return values
