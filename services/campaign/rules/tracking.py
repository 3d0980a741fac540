"""Links of a message that tell when they are followed: what they carry, and how they come into the HTML."""

from __future__ import annotations

import hashlib
import html as entities
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

import crawleruseragents

from shared import tokens

PURPOSE = "track"
"""Of the key that signs these tokens; the gateway derives the same."""

_HREF = re.compile(r"""(<a\b[^>]*?\bhref\s*=\s*)(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
URL_LENGTH = 4000


def followable(url: str) -> bool:
    """Whether this is an address a browser is led to; others (mailto:, tel:, #top) stay as they are."""
    return url.lower().startswith(("http://", "https://")) and len(url) <= URL_LENGTH


def targets(html: str) -> list[str]:
    """Where the links of a text lead, as addresses."""
    found = (entities.unescape(match[3]).strip() for match in _HREF.finditer(html))
    return [url for url in dict.fromkeys(found) if followable(url)]


def rewritten(html: str, leading: Callable[[str], str | None], pixel: str | None) -> str:
    """The text whose links lead by us (None leaves one as it is), with a picture that tells of its opening."""

    def one(match: re.Match[str]) -> str:
        url = leading(entities.unescape(match[3]).strip())
        return match[0] if url is None else f"{match[1]}{match[2]}{entities.escape(url)}{match[2]}"

    text = _HREF.sub(one, html)
    if pixel is None:
        return text
    picture = f'<img src="{entities.escape(pixel)}" width="1" height="1" alt="">'
    end = None
    for end in _BODY_END.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return f"{text[: end.start()]}{picture}{text[end.start() :]}" if end else text + picture


def digest(url: str) -> bytes:
    """What an address is found by."""
    return hashlib.sha256(url.encode()).digest()[:16]


def opening(key: bytes, base: str, message: int) -> str:
    """The address of the picture of one pixel."""
    return f"{base}/t/o/{tokens.sign(key, {'k': 'm', 'm': message})}"


def click(key: bytes, base: str, message: int, link: int) -> str:
    """The address of a followed link."""
    return f"{base}/t/c/{tokens.sign(key, {'k': 'm', 'm': message, 'l': link})}"


def unsubscribing(key: bytes, base: str, message: int, profile_id: int, channel: str) -> str:
    """The address where a viewer says that he wants no more of this."""
    return f"{base}/t/u/{tokens.sign(key, {'k': 'u', 'm': message, 'p': profile_id, 'c': channel})}"


@lru_cache(maxsize=8192)
def is_machine(agent: str | None) -> bool:
    """Whether a program asked by itself: no user agent, or one of a known crawler or scanner.

    Google's and Yahoo's image proxies ask because somebody opened the message: they are people.
    """
    if not agent:
        return True
    if any(proxy in agent for proxy in ("GoogleImageProxy", "YahooMailProxy")):
        return False
    return bool(crawleruseragents.is_crawler(agent))


def distinct(found: Iterable[Iterable[str]]) -> list[str]:
    """All addresses of several texts, each once."""
    return list(dict.fromkeys(url for urls in found for url in urls))
