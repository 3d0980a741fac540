"""What is contact data, and what a viewer wrote: by the name it has, by its looks, by what stands beside it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from services.profile.rules import sealing

CHANNELS: dict[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "mail", "邮箱", "电子邮箱", "电子邮件", "邮箱地址", "邮件地址"),
    "phone": (
        *("phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "cellphone", "telephone", "tel"),
        *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话"),
    ),
}
"""Channels, and the traits that hold their address, best first. Names are compared without case and punctuation."""

LISTS = frozenset(
    {
        "emails",
        "emailaddresses",
        "phones",
        "phonenumbers",
        "address",
        "addresses",
        "streetaddress",
        "homeaddress",
        "postaladdress",
        "mailingaddress",
        "deliveryaddress",
        "shippingaddress",
        "billingaddress",
        "devicetoken",
        "devicetokens",
        "pushtoken",
        "pushtokens",
        "apnstoken",
        "fcmtoken",
        "registrationid",
        "地址",
        "住址",
        "家庭地址",
        "家庭住址",
        "收货地址",
        "联系地址",
        "详细地址",
        "联系方式",
    }
)
"""Other names of contact data: it is kept, no channel uses it, and it never leaves either."""

FREE_TEXT = frozenset(
    {
        *("text", "comment", "content", "body", "message", "danmaku", "danmu", "reply", "review", "feedback"),
        *(f"{of}{what}" for of in ("comment", "message", "reply", "review") for what in ("text", "content", "body")),
        *("danmakutext", "danmakucontent", "feedbacktext", "feedbackcontent"),
        *(f"{of}{what}" for of in ("评论", "弹幕", "回复", "消息") for what in ("", "内容")),
        *("留言", "私信", "内容", "正文", "反馈"),
    }
)
"""Names of what viewers write: comments, danmaku, messages. It travels sealed.

Not `title` (it is the content's), `query` (interests and segments are made of it) and `reason` (chosen from a list).
"""

QUERIES = frozenset({"query", "searchquery", "searchterm", "keyword", "keywords", "search", "q", "搜索词", "关键词"})
"""Names of what was searched for: an address or number goes out of it, the other words stay."""

CAMPAIGN = frozenset({"campaign", "utm"})
"""In these a `content` is the advertisement that was clicked (UTM), and nobody's own words."""

_NAMES = LISTS.union(*CHANNELS.values())
EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\]{1,253}")
PHONE = re.compile(r"\+?[0-9][0-9 ().\-]{4,22}[0-9]")
_VALID = {"email": EMAIL, "phone": PHONE}

# An address inside other text, `Bob <bob@x.org>` or `?email=bob%40x.org`; files are called like it: icon@2x.png.
INSIDE = re.compile(
    r"(?<=[\w.+%\-])(?:@|%40)(?![\w.\-]*\.(?:png|jpe?g|gif|webp|svg|avif|mp[34]|m3u8|css|js)\b)(?:[\w\-]+\.)+[^\W\d_]{2,}"
    r"|<[^\s@<>]{1,64}@[^\s@<>]{1,253}>"
)
_FILES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif", ".mp4", ".mp3", ".m3u8", ".css", ".js")
IN_URL = re.compile(r"[\w.+\-]{1,64}(?:@|%40)(?:[\w\-]+\.)+[^\W\d_]{2,}")

# A telephone number by its looks: a Chinese mobile, one with its country's code, one of a land line as it is written.
TELEPHONE = re.compile(
    r"(?:(?:\+|00)?86[ \-]?)?1[3-9][0-9][ \-]?[0-9]{4}[ \-]?[0-9]{4}|\+[1-9][0-9 ().\-]{6,20}[0-9]"
    r"|0[0-9]{2,3}-[0-9]{7,8}|\([0-9]{2,4}\) ?[0-9]{3,4}-?[0-9]{4}"
)
IN_QUERY = re.compile(r"(?<![0-9])(?:\+?86[ \-]?)?1[3-9][0-9][ \-]?[0-9]{4}[ \-]?[0-9]{4}(?![0-9])")
BEGINS = frozenset("+018(")
"""How telephone numbers begin that are known by their looks, to pass all else over quickly."""

SHORTEST = 9
"""Characters of the shortest of them, and of what is sealed."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SPEAKING = frozenset({"phone", "mobile", "cellphone", "telephone", "tel", "email", "mail"})
_AFTER = frozenset({"no", "nr", "num", "number", "address", "addr", "home", "work", "office", "private", "raw", "full"})
_SPEAKING_CHINESE = ("手机", "电话", "邮箱", "邮件")
_DIGITS = re.compile(r"(?:[0-9][ ().\-]?){7}")
_COUNTED = frozenset(
    {
        *("id", "ids", "uid", "no", "nr", "code", "sku", "key", "hash", "token", "serial", "version", "build"),
        *("number", "time", "timestamp", "ts", "at", "count", "amount", "size", "total", "price", "duration", "value"),
    }
)
"""Last words of names under which eleven digits are an id or a quantity, and no telephone number."""


@lru_cache(maxsize=8192)
def plain(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).lower()


@lru_cache(maxsize=8192)
def _named(name: str) -> bool:
    return plain(name) in _NAMES


@lru_cache(maxsize=8192)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(maxsize=8192)
def _hints(name: str) -> bool:
    """Whether a name speaks of contact data without being one of ours: `contact_phone`, `receiverMobileNo`."""
    if any(word in name for word in _SPEAKING_CHINESE):
        return True
    words = _words(name)
    while words and (words[-1] in _AFTER or words[-1].isdigit()):
        words = words[:-1]
    return bool(words) and words[-1] in _SPEAKING


@lru_cache(maxsize=8192)
def _counts(name: str) -> bool:
    """Whether what is called like this may look like a telephone number and be none."""
    words = _words(name)
    return bool(words) and words[-1] in _COUNTED


def is_email(value: str) -> bool:
    """Whether the whole value is an e-mail address, with a domain of its own."""
    return EMAIL.fullmatch(value.strip()) is not None and INSIDE.search(value) is not None


def is_phone(value: str) -> bool:
    """Whether the whole value looks like a telephone number."""
    return TELEPHONE.fullmatch(value.strip()) is not None


def stays(name: str, value: str) -> bool:
    """Whether only the address inside a text is taken out: it is a link, or was searched for."""
    return "://" in value or plain(name) in QUERIES


def _looks_like_address(name: str, value: str) -> bool:
    if EMAIL.fullmatch(value) is not None:
        return not value.lower().endswith(_FILES)
    return INSIDE.search(value) is not None and not stays(name, value)


def _looks_like_phone(name: str, value: str) -> bool:
    if not is_phone(value):
        return False
    return not (value.isdigit() and _counts(name))


def _holds(value: Any) -> bool:
    """Whether a value under a name that hints at contact data holds some."""
    if isinstance(value, str):
        return "@" in value or _DIGITS.search(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 10**6


def is_contact(name: str, value: Any) -> bool:
    """Whether this is contact data, by its name (`phoneNumber`, `$email`, `手机号`, `device_tokens` …) or by its looks.

    E-mail addresses are known wherever they stand, telephone numbers as a whole value. A plain answer (`email: true`)
    is not an address, and useful in a segment. Sealed contact data is contact data.
    """
    if isinstance(value, str):
        if value.startswith(sealing.MARK):
            return sealing.kind(value) != sealing.TEXT
        if ("@" in value or "%40" in value) and _looks_like_address(name, value):
            return True
        if value[:1] in BEGINS and _looks_like_phone(name, value):
            return True
    if value is None or isinstance(value, bool):
        return False
    return _named(name) or (_hints(name) and _holds(value))


def called(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key of a value whose name stands beside it, and that name, where it is one of contact data.

    `{"type": "phone", "id": …}` as in `externalIds`, `{"name": "手机号", "value": …}` as in forms.
    """
    if "id" in value:
        name = value.get("type")
        # A device of the type "mobile" has an id, too.
        if isinstance(name, str) and tells(name) and _is_one(value["id"]):
            return "id", name
    if "value" in value:
        for beside in ("type", "name", "key", "namespace", "label"):
            name = value.get(beside)
            if isinstance(name, str) and tells(name):
                return "value", name
    return None


def _is_one(value: Any) -> bool:
    """Whether this can be an address or a telephone number."""
    return isinstance(value, str) and ("@" in value or PHONE.fullmatch(value.strip()) is not None)


def named(value: Mapping[str, Any]) -> Iterable[tuple[str, str, Any]]:
    """Keys of an object with the names that count for what stands there, and what does."""
    beside = called(value)
    for key, inner in value.items():
        yield key, beside[1] if beside is not None and key == beside[0] else key, inner


@lru_cache(maxsize=8192)
def speaks(name: str) -> bool:
    """Whether what stands under this name may be contact data for the name's sake."""
    return _named(name) or _hints(name)


@lru_cache(maxsize=8192)
def tells(name: str) -> bool:
    """Whether a value under this name may have to be sealed for the name's sake."""
    return speaks(name) or plain(name) in FREE_TEXT or plain(name) in QUERIES


def is_text(name: str, value: Any) -> bool:
    """Whether this is what a viewer wrote."""
    return isinstance(value, str) and value != "" and plain(name) in FREE_TEXT


def is_address(value: Any, channel: str) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a telephone number as spreadsheets and careless clients send it
    return isinstance(value, str) and _VALID[channel].fullmatch(value.strip()) is not None
