"""What the list of people is narrowed by; it stands in the page's address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from starlette.datastructures import QueryParams

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t

OPERATORS = ("eq", "gte", "lte", "gt", "lt", "contains")
CHANNELS = ("email", "phone", "push")
SORTS = ("newest", "last_seen", "events")
SEEN = ("", "1", "7", "30", "-7", "-14", "-30")
"""Days: seen within so many, or (below zero) not seen for so long."""
PROGRAMS: dict[str, bool | None] = {"": False, "too": None, "only": True}
"""Whether programs are shown, as the API has it: they count nowhere, so the list leaves them out unless asked."""


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is asked for. A segment stands alone: its members are the segment service's, the rest is profile's."""

    q: str = ""
    traits: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    segment: str = ""
    seen: str = ""
    sort: str = "newest"
    programs: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> Filters:
        """From an address; what does not belong there is left out."""
        sort, seen, programs = (query.get(name, "") for name in ("sort", "seen", "programs"))
        return cls(
            q=query.get("q", "").strip(),
            traits=tuple(query.getlist("trait")),
            tags=tuple(query.getlist("tag")),
            has=tuple(query.getlist("has")),
            segment=query.get("segment", ""),
            seen=seen if seen in SEEN else "",
            sort=sort if sort in SORTS else "newest",
            programs=programs if programs in PROGRAMS else "",
        )

    @property
    def empty(self) -> bool:
        """Nothing is asked for."""
        asked = self.q or self.traits or self.tags or self.has or self.segment or self.seen
        return not (asked or self.programs == "only")

    @property
    def href(self) -> str:
        """The address of this list."""
        pairs = [("q", self.q), ("segment", self.segment), ("seen", self.seen), ("programs", self.programs)]
        pairs += [("sort", self.sort)] if self.sort != "newest" else []
        pairs += [("trait", one) for one in self.traits]
        pairs += [("tag", one) for one in self.tags] + [("has", one) for one in self.has]
        query = urlencode([(name, value) for name, value in pairs if value])
        return f"/people?{query}" if query else "/people"

    def seen_at(self, now: datetime) -> dict[str, str]:
        """`seen` as the API asks for it."""
        if not self.seen:
            return {}
        days = int(self.seen)
        name = "seen_after" if days > 0 else "seen_before"
        return {name: (now - timedelta(days=abs(days))).isoformat()}

    def as_query(self) -> dict[str, Any]:
        """For the list of the API."""
        return {
            "q": self.q or None,
            "trait": list(self.traits) or None,
            "tag": list(self.tags) or None,
            "has": list(self.has) or None,
            "sort": self.sort,
            "bot": PROGRAMS[self.programs],
            **self.seen_at(datetime.now(UTC)),
        }

    def as_export(self) -> dict[str, Any]:
        """For an export of the API, which knows no search."""
        return {
            "trait": list(self.traits),
            "tag": list(self.tags),
            "has": list(self.has),
            "bot": PROGRAMS[self.programs],
            **self.seen_at(datetime.now(UTC)),
        }


async def draw(desk: Desk, filters: Filters, traits: list[str]) -> None:
    """The fields; each change opens the list that belongs to it."""

    def change(**values: Any) -> None:
        ui.navigate.to(replace(filters, **values).href)

    with parts.panel(), parts.row():
        search = ui.input(t("people.search"), value=filters.q).style("width:170px")
        search.props("type=search").on("keydown.enter", lambda: change(q=(search.value or "").strip(), segment=""))
        await _segment(desk, filters, change)
        await _tag(desk, filters, change)
        seen = ui.select(
            {one: t(f"people.seen.{_word(one)}") for one in SEEN}, label=t("people.seen_label"), value=filters.seen
        )
        seen.style("width:145px").on_value_change(lambda event: change(seen=event.value, segment=""))
        has = ui.select(
            {"": t("people.has_any"), **{one: t(f"people.channel.{one}") for one in CHANNELS}},
            label=t("people.has"),
            value=filters.has[0] if filters.has and filters.has[0] in CHANNELS else "",
        )
        has.style("width:125px")
        has.on_value_change(lambda event: change(has=(event.value,) if event.value else (), segment=""))
        sort = ui.select(
            {one: t(f"people.sort.{one}") for one in SORTS}, label=t("people.sort_label"), value=filters.sort
        )
        sort.style("width:155px").on_value_change(lambda event: change(sort=event.value))
        programs = ui.select(
            {one: t(f"people.programs.{one or 'out'}") for one in PROGRAMS},
            label=t("people.programs_label"),
            value="too" if filters.segment else filters.programs,
        )
        programs.style("width:125px").tooltip(t("people.program_hint"))
        programs.on_value_change(lambda event: change(programs=event.value, segment=""))
        parts.button(t("people.add_trait"), lambda: _trait(filters, traits), icon="add")
        if not filters.empty or filters.programs:
            parts.button(t("people.clear"), href="/people", kind="quiet", icon="close")
        if filters.traits:
            ui.element("div").style("flex-basis:100%")
        for one in filters.traits:
            left = tuple(other for other in filters.traits if other != one)
            chip = ui.chip(_said(one), removable=True).props("square outline dense color=grey-7")
            chip.on_value_change(lambda _, left=left: change(traits=left))


def _word(days: str) -> str:
    """The key of a choice of days."""
    return "any" if not days else f"not_{days[1:]}" if days.startswith("-") else f"in_{days}"


def _said(condition: str) -> str:
    """A condition for reading: age ≥ 18."""
    name, operator, value = [*condition.split(":", 2), "", ""][:3]
    return f"{name} {t('people.operator.' + operator) if operator in OPERATORS else operator} {value}"


async def _segment(desk: Desk, filters: Filters, change: Any) -> None:
    if not desk.may("segment:read"):
        return
    try:
        known = await desk.api.every("/v1/segments", most=500)
    except ApiError:
        known = []  # the list works without the segment service
    options = {"": t("people.any_segment")} | {one["key"]: one["name"] for one in known}
    if filters.segment not in options:
        options[filters.segment] = filters.segment
    field = ui.select(options, label=t("people.segment"), value=filters.segment, with_input=True).style("width:160px")
    field.on_value_change(lambda event: change(segment=event.value or "", q="", traits=(), tags=(), has=(), seen=""))


async def _tag(desk: Desk, filters: Filters, change: Any) -> None:
    known = await desk.api.every("/v1/tags", most=500)
    chosen = filters.tags[0] if filters.tags else ""
    options = {"": t("people.any_tag")} | {one["key"]: one.get("name") or one["key"] for one in known}
    if chosen not in options:
        options[chosen] = chosen
    field = ui.select(options, label=t("people.tag"), value=chosen, with_input=True).style("width:110px")
    field.on_value_change(lambda event: change(tags=(event.value,) if event.value else (), segment=""))


def _trait(filters: Filters, traits: list[str]) -> None:
    """A dialog for one more condition on a trait."""
    with parts.dialog(t("people.add_trait")) as asked:
        name = ui.select(traits, label=t("people.trait"), with_input=True, new_value_mode="add-unique").props(
            "autofocus"
        )
        operator = ui.select({one: t(f"people.operator.{one}") for one in OPERATORS}, label=t("people.is"), value="eq")
        value = ui.input(t("people.value"))
        ui.label(t("people.trait_hint")).classes("m-mute m-small")

        def add() -> None:
            if not name.value or not value.value:
                missing = value if name.value else name
                parts.attributes(missing, error=True, error_message=t("people.needed"))
                return
            condition = f"{name.value}:{operator.value}:{value.value.strip()}"
            ui.navigate.to(replace(filters, traits=(*filters.traits, condition), segment="").href)

        value.on("keydown.enter", add)
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.cancel"), asked.close)
            parts.button(t("shared.filter"), add, kind="primary")
    asked.open()
