"""Links of a message that tell when they are followed: what they carry, and how they come into the HTML."""

from __future__ import annotations

import hashlib
import html as entities
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache

import crawleruseragents

from shared import tokens

PURPOSE = "track"
"""Of the key that signs these tokens; the gateway derives the same."""

_HREF = re.compile(r"""(<a\b[^>]*?\bhref\s*=\s*)(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PLAIN = re.compile(r"https?://[^\s<>\"'\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
"""An address in a plain text; Chinese punctuation ends it."""
_ENDS = ".,;:!?]}*_"
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
    return at_the_end(text, f'<img src="{entities.escape(pixel)}" width="1" height="1" alt="">')


def at_the_end(html: str, piece: str) -> str:
    """The text with a piece of HTML as the last of its body."""
    end = None
    for end in _BODY_END.finditer(html):  # noqa: B007 - the last one is wanted
        pass
    return f"{html[: end.start()]}{piece}{html[end.start() :]}" if end else html + piece


def spans(plain: str) -> list[tuple[int, int]]:
    """Where addresses begin and end in a plain text; what ends a sentence, or closes a bracket, is not of them."""
    found: list[tuple[int, int]] = []
    for match in _PLAIN.finditer(plain):
        url = match[0].rstrip(_ENDS)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(_ENDS)
        if followable(url):
            found.append((match.start(), match.start() + len(url)))
    return found


def plain_targets(plain: str) -> list[str]:
    """Where the links of a plain text lead."""
    return list(dict.fromkeys(plain[start:stop] for start, stop in spans(plain)))


def plain_rewritten(plain: str, leading: Callable[[str], str | None]) -> str:
    """The plain text whose links lead by us; None leaves one as it is."""
    pieces: list[str] = []
    end = 0
    for start, stop in spans(plain):
        pieces += [plain[end:start], leading(plain[start:stop]) or plain[start:stop]]
        end = stop
    return "".join((*pieces, plain[end:]))


def digest(url: str, message: int | None = None) -> bytes:
    """What an address is found by: within its campaign, or within one message, if it was written for that alone."""
    return hashlib.sha256((url if message is None else f"{message} {url}").encode("utf-8", "replace")).digest()[:16]


@lru_cache(maxsize=512)
def fixed(source: str) -> frozenset[str]:
    """Where the links of a template lead that say the same to everybody. Others may carry what is known of a viewer."""
    return frozenset(
        url for url in (*targets(source), *plain_targets(source), source.strip()) if "{{" not in url and "{%" not in url
    )


def opening(key: bytes, base: str, message: int) -> str:
    """The address of the picture of one pixel."""
    return f"{base}/t/o/{tokens.sign(key, {'k': 'm', 'm': message})}"


def click(key: bytes, base: str, message: int, link: int) -> str:
    """The address of a followed link."""
    return f"{base}/t/c/{tokens.sign(key, {'k': 'm', 'm': message, 'l': link})}"


def unsubscribing(key: bytes, base: str, message: int, profile_id: int, channel: str) -> str:
    """The address where a viewer says that he wants no more of this."""
    return f"{base}/t/u/{tokens.sign(key, {'k': 'u', 'm': message, 'p': profile_id, 'c': channel})}"


_SCANNERS = re.compile(
    r"barracuda|proofpoint|mimecast|symantec|messagelabs|forcepoint|trend ?micro|ironport|fireeye|trellix|sophos"
    r"|zscaler|check ?point|avanan|fortinet|fortimail|spamtitan|hornetsecurity|vade ?secure|cloudmark|mailscanner"
    r"|mailguard|urldefense|url ?scan|link ?scan|safe ?links|virustotal|phish|bitdefender|kaspersky|kaseya"
    r"|office (?:existence|protocol) discovery",
    re.IGNORECASE,
)
"""Security software that opens messages and follows their links before anybody sees them, as far as it says so."""
_LINK_CHECKS = re.compile(r"ms-office|microsoft office/", re.IGNORECASE)
"""Office looks at a link before it hands it to the browser. Its openings are people's: Outlook fetches pictures so."""
_BARE = ("mozilla/5.0", "mozilla/4.0")
"""Apple's Mail Privacy Protection fetches every picture of every message, opened or not, under the bare name."""

HASTE = {"open": timedelta(seconds=2), "click": timedelta(seconds=5)}
"""Nobody reads an e-mail so soon after it left: a scanner on its way did that, whatever it calls itself.

The price is the rare reader who waits for it and is quicker. Other channels show a message at once: there it counts.
"""
TOGETHER = timedelta(seconds=2)
"""Two links of one message within this time: a program tries them all."""


@lru_cache(maxsize=8192)
def is_machine(agent: str | None, kind: str = "open") -> bool:
    """Whether a program asked by itself: no user agent, or one of a known crawler or scanner.

    Google's and Yahoo's image proxies ask because somebody opened the message: they are people.
    """
    if not agent or agent.strip().lower() in _BARE or _SCANNERS.search(agent):
        return True
    if any(proxy in agent for proxy in ("GoogleImageProxy", "YahooMailProxy")):
        return False
    if kind == "click" and _LINK_CHECKS.search(agent):
        return True
    return bool(crawleruseragents.is_crawler(agent))


def is_hasty(kind: str, channel: str, sent_at: datetime | None, now: datetime) -> bool:
    """Whether this comes too soon after an e-mail left to be its reader."""
    return channel == "email" and sent_at is not None and now - sent_at < HASTE[kind]


def distinct(found: Iterable[Iterable[str]]) -> list[str]:
    """All addresses of several texts, each once."""
    return list(dict.fromkeys(url for urls in found for url in urls))
