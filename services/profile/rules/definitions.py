"""Typed traits: what a trait may hold, and how a value of another type is understood or refused.

A value is changed only where one reading is possible (`"20"` is the integer 20); `"01/02/2003"` is no date, since
nobody knows which. Traits without a definition are kept as they came.
"""

from __future__ import annotations

import math
import re
from calendar import isleap
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from services.profile.rules import sealing
from services.profile.rules.operations import Operation

Type = Literal["text", "number", "integer", "boolean", "date", "list"]

LONGEST_LIST = 500
LONGEST_NUMBER = 40
OLDEST = 130
"""Years: nobody gets older."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})([-/.]?)([0-9]{1,2})\2([0-9]{1,2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?")
_YES_NO: Mapping[Any, bool] = {"true": True, "false": False, "yes": True, "no": False, "是": True, "否": False}
_SEPARATORS = re.compile(r"[,;，；、|]")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a trait holds. `personal`: only roles that may see contact data see it, and it never leaves in a fact.

    Of a personal `birthday` the day and month are told, so that groups can be made of those whose birthday it is.
    """

    name: str
    type: Type
    enum: tuple[str, ...] | None = None
    personal: bool = False
    description: str = ""


class Refused(ValueError):
    """A value that a trait does not take; the words say why and quote nothing of it."""


SIGNS: tuple[tuple[tuple[int, int], str], ...] = (
    ((1, 20), "capricorn"),
    ((2, 19), "aquarius"),
    ((3, 21), "pisces"),
    ((4, 20), "aries"),
    ((5, 21), "taurus"),
    ((6, 22), "gemini"),
    ((7, 23), "cancer"),
    ((8, 23), "leo"),
    ((9, 23), "virgo"),
    ((10, 24), "libra"),
    ((11, 23), "scorpio"),
    ((12, 22), "sagittarius"),
    ((13, 1), "capricorn"),
)
"""First day (month, day) that no longer belongs to each sign; the tropical zodiac with the dates usual in China."""

_SIGN_NAMES = tuple(dict.fromkeys(name for _, name in SIGNS))

BUILT_IN: Mapping[str, Definition] = {
    one.name: one
    for one in (
        Definition(name="gender", type="text", enum=("male", "female", "other"), description="As he says himself"),
        Definition(
            name="birthday",
            type="date",
            personal=True,
            description="Age and star sign come from it; it is told without its year",
        ),
        Definition(name="region", type="text", description="Where he lives"),
        Definition(name="occupation", type="text", description="What he does for a living"),
        Definition(name="star_sign", type="text", enum=_SIGN_NAMES, description="From the birthday, if nobody says it"),
        Definition(name="age", type="integer", description="In years; read from the birthday, if nobody says it"),
    )
}
"""Definitions every installation has; an operator's own of the same name stands instead."""

_ALIASES: Mapping[str, Mapping[str, str]] = {
    "gender": {"m": "male", "f": "female", "man": "male", "woman": "female", "男": "male", "女": "female"},
    "star_sign": dict(
        zip(
            [
                "摩羯座",
                "水瓶座",
                "双鱼座",
                "白羊座",
                "金牛座",
                "双子座",
                "巨蟹座",
                "狮子座",
                "处女座",
                "天秤座",
                "天蝎座",
                "射手座",
            ],
            _SIGN_NAMES,
            strict=True,
        )
    ),
}
"""Other words for the values of built-in traits."""


def taken(definition: Definition, value: Any) -> Any:
    """The value as this trait holds it; null clears and is taken by all, as is what is sealed. Raises Refused."""
    if isinstance(value, Operation):
        return _operation(definition, value)
    if value is None or sealing.is_sealed(value):
        return value
    value = _READ[definition.type](value)
    if definition.enum is None:
        return value
    if isinstance(value, list):
        return [_among(definition, str(one)) for one in value]
    return _among(definition, str(value))


def _operation(definition: Definition, operation: Operation) -> Operation:
    if operation.name == "increment" and definition.type not in ("number", "integer"):
        raise Refused(f"increment of a {definition.type}")
    if operation.name == "append" and definition.type != "list":
        raise Refused(f"append to a {definition.type}")
    return Operation(operation.name, taken(definition, operation.value))


def _among(definition: Definition, value: str) -> str:
    choices = definition.enum or ()
    if value in choices:
        return value
    plain = value.strip().casefold()
    near = [one for one in choices if one.casefold() == plain]
    if len(near) == 1:
        return near[0]
    alias = _ALIASES.get(definition.name, {}).get(plain)
    if alias in choices:
        return alias
    raise Refused("not one of the allowed values")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _unlike(value, "text")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    if isinstance(value, str) and len(value) <= LONGEST_NUMBER and _NUMBER.fullmatch(plain := value.strip()):
        number = int(plain) if _INTEGER.fullmatch(plain) else float(plain)
        if math.isfinite(number):
            return number
    raise _unlike(value, "a number")


def _integer(value: Any) -> int:
    try:
        number = _number(value)
    except Refused as error:
        raise _unlike(value, "an integer") from error
    if isinstance(number, float) and not number.is_integer():
        raise Refused("a number with a fraction where an integer is due")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and (plain := value.strip().casefold()) in (*_YES_NO, "0", "1"):
        return _YES_NO.get(plain, plain == "1")
    raise _unlike(value, "true or false")


def _date(value: Any) -> str:
    if isinstance(value, str) and (found := _DATE.fullmatch(value.strip())):
        year, separator, month, day = found.groups()
        if separator or len(month) == len(day) == 2:
            try:
                return date(int(year), int(month), int(day)).isoformat()
            except ValueError as error:
                raise Refused("no such day in the calendar") from error
    raise _unlike(value, "a date like 2001-12-31")


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        if len(value) > LONGEST_LIST:
            raise Refused(f"a list of more than {LONGEST_LIST} values")
        return value
    if isinstance(value, str) and not _SEPARATORS.search(value):
        return [value]
    if isinstance(value, bool | int | float):
        return [value]
    raise _unlike(value, "a list")


_READ: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "list": _list,
}

_WORDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _unlike(value: Any, due: str) -> Refused:
    return Refused(f"{_WORDS.get(type(value), 'something else')} that cannot be read as {due}")


def star_sign(birthday: Any) -> str | None:
    """The star sign of a birthday (`YYYY-MM-DD`); None where it is no date."""
    day = born(birthday)
    return None if day is None else next(sign for end, sign in SIGNS if (day.month, day.day) < end)


def age(birthday: Any, today: date) -> int | None:
    """Full years since a birthday (`YYYY-MM-DD`), as of a day; None where it is no date or lies ahead.

    Who was born on 29 February is a year older on 1 March where there is no such day.
    """
    day = born(birthday)
    if day is None or day > today:
        return None
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def last_birthday(birthday: Any, today: date) -> date | None:
    """The last day on which somebody got a year older, the day of his birth the first; None where it is not known."""
    day, years = born(birthday), age(birthday, today)
    if day is None or years is None:
        return None
    year = day.year + years
    return date(year, 3, 1) if (day.month, day.day) == (2, 29) and not isleap(year) else day.replace(year=year)


def day_of_year(birthday: Any) -> str | None:
    """A birthday without its year, `--MM-DD` as in RFC 6350; None where it is no date."""
    day = born(birthday)
    return None if day is None else f"--{day:%m-%d}"


def births(day: date) -> set[str]:
    """Birthdays, in every spelling that `born` understands, of those who are a year older on this day.

    Who was born on 29 February is so on 1 March of a year without that day.
    """
    found = {
        date(day.year - years, day.month, day.day)
        for years in range(1, OLDEST + 1)
        if (day.month, day.day) != (2, 29) or isleap(day.year - years)
    }
    if (day.month, day.day) == (3, 1) and not isleap(day.year):
        found |= {date(year, 2, 29) for year in range(day.year - OLDEST, day.year) if isleap(year)}
    return {
        spelling
        for one in found
        for spelling in (
            one.isoformat(),
            one.strftime("%Y%m%d"),
            "{}-W{:02}-{}".format(*one.isocalendar()),
            "{}W{:02}{}".format(*one.isocalendar()),
        )
    }


def born(birthday: Any) -> date | None:
    """The day somebody says he was born on, ISO with whatever follows the day; None where it is no date."""
    try:
        return date.fromisoformat(birthday[:10]) if isinstance(birthday, str) else None
    except ValueError:
        return None
