"""The desk of one open page: who is signed in, in which language and time zone, and the API in his name.

`desk.here()` finds it from anywhere in the page's code, handlers and timers included; `t("people.title")` is a text in
its language.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import dates, numbers
from nicegui import Client, ui
from starlette.datastructures import QueryParams

from gateway.console import texts
from gateway.console.api import Api

_LOCALES = {"zh": "zh_CN", "en": "en"}
_desks: WeakKeyDictionary[Client, Desk] = WeakKeyDictionary()
_running: ContextVar[Desk] = ContextVar("desk")


@dataclass(kw_only=True)
class Desk:
    """What a page knows about its operator. `query` is that of its address; `getlist` reads what is there twice."""

    api: Api
    operator: dict[str, Any] = field(default_factory=dict)
    permissions: frozenset[str] = frozenset()
    language: str = texts.DEFAULT
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    dark: bool = False
    path: str = "/"
    query: QueryParams = field(default_factory=QueryParams)

    def may(self, permission: str) -> bool:
        """Whether the operator's role allows it: what it does not allow is not offered."""
        return "*" in self.permissions or permission in self.permissions

    async def keep(self, **preferences: Any) -> None:
        """Keep preferences with the account, so that they are there on every machine."""
        self.operator["preferences"] = (await self.api.patch("/v1/operators/me", {"preferences": preferences}))[
            "preferences"
        ]

    def preference(self, name: str, default: Any = None) -> Any:
        """A preference that was kept."""
        return self.operator.get("preferences", {}).get(name, default)

    @property
    def locale(self) -> str:
        """The locale of numbers and dates."""
        return _LOCALES[self.language]

    def number(self, value: float | None, *, digits: int = 1) -> str:
        """A number for reading: 12,345 or 3.5; a dash when there is none."""
        if value is None:
            return "–"
        if isinstance(value, int) or float(value).is_integer():
            return str(numbers.format_decimal(int(value), locale=self.locale))
        return str(numbers.format_decimal(round(value, digits), locale=self.locale))

    def short(self, value: float | None) -> str:
        """A number in little room: 12K, 1.2万."""
        if value is None:
            return "–"
        if abs(value) < 10_000:
            return self.number(value)
        return str(numbers.format_compact_decimal(value, locale=self.locale, fraction_digits=1))

    def percent(self, value: float | None, *, digits: int = 1) -> str:
        """A share of 1 as per cent."""
        if value is None:
            return "–"
        return str(numbers.format_percent(round(value, digits + 2), locale=self.locale, decimal_quantization=False))

    def moment(self, value: str | datetime | None) -> datetime | None:
        """An API time in the operator's zone."""
        if value is None:
            return None
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(self.zone)

    def time(self, value: str | datetime | None) -> str:
        """A time for reading, as short as it stays clear: 14:05, 21 Nov 14:05, 3 Mar 2025."""
        at = self.moment(value)
        if at is None:
            return "–"
        now = datetime.now(self.zone)
        if at.date() == now.date():
            return at.strftime("%H:%M")
        if at.year == now.year:
            day = dates.format_skeleton("MMMd", at, tzinfo=self.zone, locale=self.locale)
            return f"{day} {at:%H:%M}"
        return str(dates.format_date(at, "medium", locale=self.locale))

    def exact(self, value: str | datetime | None) -> str:
        """A time to the second with its zone, for who points at it."""
        at = self.moment(value)
        return f"{at:%Y-%m-%d %H:%M:%S} {self.zone.key}" if at else ""

    def day(self, value: str | date) -> str:
        """A day for an axis: 21 Nov, 11月21日."""
        read = date.fromisoformat(value[:10]) if isinstance(value, str) else value
        return str(dates.format_skeleton("MMMd", read, locale=self.locale))

    def weekdays(self) -> list[str]:
        """Short names of the days of the week, Monday first."""
        names = dates.get_day_names("abbreviated", locale=self.locale)
        return [str(names[number]) for number in range(7)]


def put(client: Client, desk: Desk) -> None:
    """This desk belongs to that page."""
    _desks[client] = desk


def here() -> Desk:
    """The desk of the page whose code is running, also in tasks that it started (as `asyncio.gather` does)."""
    try:
        desk = _desks[ui.context.client]
    except RuntimeError:  # a task of its own has no place on the page, but it has its starter's context
        return _running.get()
    _running.set(desk)
    return desk


def t(key: str, **values: object) -> str:
    """A text of the catalogues in the operator's language."""
    return texts.text(here().language, key, **values)


def zone_of(name: str | None) -> ZoneInfo:
    """A time zone by name; UTC when there is none of that name."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
