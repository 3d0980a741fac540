"""What a viewer is found by, and what somebody who searches means."""

from __future__ import annotations

import contextlib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise, zip_longest
from typing import Any

from services.profile.schemas.search import HAS, NAME, TAG, Condition, Op, Value

LONGEST = 200
"""Characters of a value that are looked at."""

MOST_VALUES = 200
"""Values a viewer is found by, at most."""

NAMES = ("name", "fullname", "displayname", "nickname", "username", "firstname", "lastname", "姓名", "昵称", "名字")
"""Traits that are a name, compared without case and punctuation."""

_SYNTAX = re.compile(r"(.+?):(eq|gt|gte|lt|lte|contains):(.*)", re.DOTALL)


class Malformed(ValueError):
    """A condition nobody can understand; the message says how to write it."""


BETWEEN = "Z"
"""Stands around words. Trigrams never reach over a space, and those that reach from one word into the next are the rare
ones: they make half the work of the index for two words that many names have."""

TWICE = "Y"
"""Stands between a letter's word and the same again: 丽丽 has the trigrams of 丽 otherwise, and as many candidates."""


def key(text: str) -> str:
    """Text for looking inside it with trigrams, in any locale: words of small letters and digits, with a mark between.

    Any other letter becomes a word of capitals that is its number in base 24: a trigram needs three letters, and a
    Chinese name often has two in all (test_two_chinese_letters_use_the_index).
    """
    words: list[str] = []
    for letter in unicodedata.normalize("NFKC", text[:LONGEST]).casefold():
        if letter.isascii():
            words.append(letter if letter.isalnum() else " ")
        else:
            words.append(f" {_word(ord(letter))} " if letter.isalnum() else " ")
    return f"{BETWEEN}{_joined(''.join(words).split())}{BETWEEN}"


def _joined(words: Sequence[str]) -> str:
    """Words with the mark that stands between each two, so that part of a text has the marks it has in the whole."""
    marks = (TWICE if word == after and word.isupper() else BETWEEN for word, after in pairwise(words))
    return "".join(word + mark for word, mark in zip_longest(words, marks, fillvalue=""))


def _word(number: int) -> str:
    """Four capitals without Y and Z: no letter has a number of 24 to the fourth."""
    letters = ""
    while number or len(letters) < 4:
        number, digit = divmod(number, 24)
        letters += chr(65 + digit)
    return letters


def pattern(text: str) -> str:
    """The LIKE pattern for keys that hold this text; one or two small letters are looked for where words begin.

    Raises Malformed for a text without any letter or digit.
    """
    inner = key(text).strip(BETWEEN)
    if not inner:
        raise Malformed("needs a letter or a digit to look for")
    return f"%{BETWEEN if len(inner) < 3 else ''}{inner}%"


def number(value: Any) -> float | None:
    """A value as a number to compare: numbers, and dates as seconds since 1970; None for what has no order."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            found = float(value)
        except OverflowError:
            return None
        return found if math.isfinite(found) else None
    if isinstance(value, str) and len(value) >= 10 and value[:4].isdigit() and value[4] == "-":
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return None


def plain(value: Any) -> str | None:
    """A value as it is stored; None for what nobody searches."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, int):
        return str(value)[:LONGEST]
    return value[:LONGEST] if isinstance(value, str) and value.strip() else None


def is_name(trait: str) -> bool:
    """Whether a trait is somebody's name."""
    return re.sub(r"[\W_]", "", trait).lower() in NAMES


def values(traits: Mapping[str, Any], *, has: Iterable[str], tags: Iterable[str] = ()) -> list[Value]:
    """What a viewer is found by. `traits` must hold no contact data. Lists give each of their values."""
    found: dict[tuple[str, str], Value] = {}

    def add(name: str, raw: Any) -> None:
        text = plain(raw)
        if text is not None and len(found) < MOST_VALUES:
            inside = key(text) if isinstance(raw, str) and not name.startswith("$") else None
            found.setdefault((name, text), Value(name, text, number(raw), inside))

    names = [str(value) for name, value in traits.items() if is_name(name) and isinstance(value, str)]
    if names:
        text = " · ".join(names)[:LONGEST]
        found[NAME, text] = Value(NAME, text, None, key(text))
    for channel in has:
        add(HAS, channel)
    for tag in tags:
        add(TAG, tag)
    for name, value in traits.items():
        for one in value if isinstance(value, list) else [value]:
            add(name[:LONGEST], one)
    return list(found.values())


def condition(name: str, op: Op, raw: Any) -> Condition:
    """What one condition asks. Raises Malformed."""
    if not name or name.startswith("$"):
        raise Malformed("needs the name of a trait")
    if op == "contains":
        return Condition(name, op, str(raw), pattern=pattern(str(raw)))
    if op == "eq":
        text = plain(raw)
        if text is None:
            raise Malformed("needs a text, a number or true or false to compare with")
        return Condition(name, op, text)
    if isinstance(raw, str):
        with contextlib.suppress(ValueError):
            raw = float(raw)
    compared = number(raw)
    if compared is None:
        raise Malformed(f"{op} compares numbers and dates (2024-05-01)")
    return Condition(name, op, str(raw), number=compared)


def parse(written: str) -> Condition:
    """A condition from a query, `city:eq:北京` or `age:gt:18`. Raises Malformed."""
    match = _SYNTAX.fullmatch(written)
    if match is None:
        raise Malformed("write it as name:operator:value with eq, gt, gte, lt, lte or contains, like city:eq:Beijing")
    name, op, raw = match.groups()
    return condition(name, op, raw)  # type: ignore[arg-type]  # the pattern allows these operators only


def named(text: str) -> Condition:
    """Part of a name. Raises Malformed."""
    return Condition(NAME, "contains", text, pattern=pattern(text))


def marked(name: str, values: Sequence[str]) -> list[Condition]:
    """Channels he has, or tags."""
    return [Condition(name, "eq", value[:LONGEST]) for value in values]
