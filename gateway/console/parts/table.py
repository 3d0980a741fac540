"""Tables: typed cells, columns to choose, and lists of the API page by page."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import events, ui

from gateway.console import desk as desks
from gateway.console.desk import t
from gateway.console.parts.basics import Tone, button, row, skeleton
from gateway.console.parts.errors import failed

EMPTY = 20
"""Empty pages that are passed over to find one with something on it."""


@dataclass(frozen=True)
class Link:
    """A cell that leads somewhere; `mark` is a word beside it about what it leads to."""

    text: str
    href: str
    mark: str = ""


@dataclass(frozen=True)
class Named:
    """A cell with a name, and whose it is when pointed at: of an operator, a key or a source, its id."""

    name: str
    id: str


@dataclass(frozen=True)
class Badge:
    """A cell with a state."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Chips:
    """A cell with several words, and what they stand for when pointed at."""

    texts: Sequence[str]
    hint: str = ""


@dataclass(frozen=True)
class When:
    """A cell with an API time."""

    at: str | None


@dataclass(frozen=True)
class Spark:
    """A cell with a small line of numbers in their order."""

    values: Sequence[float]
    hint: str = ""

    def points(self) -> str:
        """The line in a box of 90 × 22, lowest value at the bottom; flat ones lie in the middle."""
        drawn = [*self.values, *self.values] if len(self.values) == 1 else self.values
        low, high = min(drawn, default=0), max(drawn, default=0)
        step = 88 / max(1, len(drawn) - 1)
        scaled = [(one - low) / (high - low) if high > low else 0.5 for one in drawn]
        return " ".join(f"{1 + place * step:.1f},{20 - 18 * one:.1f}" for place, one in enumerate(scaled))


@dataclass(frozen=True)
class Column:
    """A column. `number` stands right; `shown` is whether it is there before anyone chose; `width` is any CSS width."""

    name: str
    label: str
    number: bool = False
    shown: bool = True
    mono: bool = False
    width: str = ""


@dataclass(frozen=True)
class Act:
    """A button at the end of each row that is there where the row has its name in `acts`, or has no `acts`."""

    name: str
    text: str
    handler: Callable[[dict[str, Any]], Any]
    tone: Tone = ""


_CELL = """
<q-td :props="props" :style="props.col.width ? {width: props.col.width} : {}">
  <template v-if="props.col.name === '_acts'">
    <button v-for="a in props.col.acts.filter(a => !props.row._only || props.row._only.split(' ').includes(a.name))"
      :key="a.name" :class="'m-icon-button m-' + a.tone" type="button"
      @click.stop="() => $parent.$emit('act', a.name, props.row._id)">{{ a.text }}</button>
  </template>
  <template v-else-if="props.row[props.col.name + '~href']"><a :href="props.row[props.col.name + '~href']"
    :class="props.col.mono ? 'm-mono' : ''">{{ props.value }}</a>
    <span v-if="props.row[props.col.name + '~mark']"
      class="m-badge m-warn">{{ props.row[props.col.name + '~mark'] }}</span>
  </template>
  <span v-else-if="props.row[props.col.name + '~tone'] !== undefined"
    :class="'m-badge m-' + props.row[props.col.name + '~tone']">{{ props.value }}</span>
  <svg v-else-if="props.row[props.col.name + '~spark'] !== undefined" class="m-spark" viewBox="0 0 90 22" role="img"
    :aria-label="props.row[props.col.name + '~hint']"><title>{{ props.row[props.col.name + '~hint'] }}</title>
    <polyline :points="props.row[props.col.name + '~spark']" /></svg>
  <template v-else-if="props.row[props.col.name + '~chips']">
    <span v-for="c in (props.value || '').split('\\n').filter(c => c)" :key="c" class="m-chip"
      :title="props.row[props.col.name + '~hint']">{{ c }}</span>
  </template>
  <span v-else :title="props.row[props.col.name + '~hint'] || props.value"
    :class="[props.col.mono ? 'm-mono' : '', props.col.number ? '' : 'm-ellipsis']">{{ props.value }}</span>
</q-td>
"""


class Table:
    """A table of rows; a row is a dict by column name, its cells text, numbers, or one of the kinds above.

    `choose` is a name under which the columns the operator picked are kept with his account. `acts` are buttons at the
    end of each row; their handler is told the row. `key` names the cell that tells rows apart.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[dict[str, Any]] = (),
        *,
        key: str = "id",
        choose: str = "",
        acts: Sequence[Act] = (),
    ) -> None:
        self._columns = {column.name: column for column in columns}
        self._rows: dict[str, dict[str, Any]] = {}
        self._key = key
        self._choose = choose
        self._acts = {act.name: act for act in acts}
        kept = desks.here().preference(f"columns.{choose}") if choose else None
        self.shown = [name for name in self._columns if (name in kept if kept else self._columns[name].shown)]
        told: list[dict[str, Any]] = [
            {
                "name": column.name,
                "label": column.label,
                "field": column.name,
                "align": "right" if column.number else "left",
                "number": column.number,
                "mono": column.mono,
                "width": column.width,
            }
            for column in columns
        ]
        if acts:
            offered = [{"name": act.name, "text": act.text, "tone": act.tone} for act in acts]
            told.append({"name": "_acts", "label": "", "field": "_acts", "align": "right", "acts": offered})
        self.table = ui.table(columns=told, rows=[], row_key="_id").classes("m-table")
        self.table.props(":rows-per-page-options=[0] hide-bottom")
        self.table.add_slot("body-cell", _CELL)
        self.table.on("act", self._acted)
        self._show_columns()
        self.add(rows)

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows; one whose key is there already takes its place."""
        for one in rows:
            self._rows[str(one[self._key])] = one
        self._draw()

    def replace(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show these rows instead."""
        self._rows = {}
        self.add(rows)

    def drop(self, key: str) -> None:
        """Take a row out."""
        self._rows.pop(str(key), None)
        self._draw()

    def __len__(self) -> int:
        return len(self._rows)

    def _draw(self) -> None:
        self.table.rows = [self._flat(identity, one) for identity, one in self._rows.items()]
        self.table.update()

    def _flat(self, identity: str, one: Mapping[str, Any]) -> dict[str, Any]:
        desk = desks.here()
        flat: dict[str, Any] = {"_id": identity}
        if "acts" in one:
            flat["_only"] = " ".join(one["acts"]) or "-"
        for name in self._columns:
            value = one.get(name)
            match value:
                case Link():
                    flat[name], flat[f"{name}~href"], flat[f"{name}~mark"] = value.text, value.href, value.mark
                case Badge():
                    flat[name], flat[f"{name}~tone"] = value.text, value.tone
                case Chips():
                    flat[name], flat[f"{name}~chips"] = "\n".join(value.texts), True
                    flat[f"{name}~hint"] = value.hint
                case Named():
                    flat[name], flat[f"{name}~hint"] = value.name, value.id
                case Spark():
                    flat[name], flat[f"{name}~spark"], flat[f"{name}~hint"] = "", value.points(), value.hint
                case When():
                    flat[name], flat[f"{name}~hint"] = desk.time(value.at), desk.exact(value.at)
                case bool() | str():
                    flat[name] = str(value)
                case int() | float():
                    flat[name] = desk.number(value)
                case None:
                    flat[name] = ""
                case _:
                    flat[name] = str(value)
        return flat

    async def _acted(self, event: events.GenericEventArguments) -> None:
        name, identity = event.args
        act, one = self._acts.get(name), self._rows.get(str(identity))
        if act is not None and one is not None:
            result = act.handler(one)
            if inspect.isawaitable(result):
                await result

    def _show_columns(self) -> None:
        names = [*self.shown, *(["_acts"] if self._acts else [])]
        self.table.props["visible-columns"] = names
        self.table.update()

    def chooser(self) -> None:
        """A button that lets the operator choose columns; the choice is kept with his account."""
        with (
            button(t("shared.columns"), kind="quiet", icon="view_column"),
            ui.menu(),
            ui.element("div").classes("m-stack m-tight").style("padding:10px 14px;max-height:60vh;overflow:auto"),
        ):
            for name, column in self._columns.items():
                box = ui.checkbox(column.label, value=name in self.shown)
                box.on_value_change(lambda event, name=name: self._chosen(name, shown=event.value))

    async def _chosen(self, name: str, *, shown: bool) -> None:
        wanted = {*self.shown, name} if shown else set(self.shown) - {name}
        self.shown = [one for one in self._columns if one in wanted]
        self._show_columns()
        await desks.here().keep(**{f"columns.{self._choose}": self.shown})


@dataclass(kw_only=True)
class Listing:
    """A list of the API, page by page: `fetch(cursor)` brings `{"items", "next"}`, `row` makes a row of an item.

    `await listing.load()` draws it where it was made; `empty` draws what stands there when there is nothing.
    """

    fetch: Callable[[str | None], Awaitable[dict[str, Any]]]
    columns: Sequence[Column]
    row: Callable[[dict[str, Any]], dict[str, Any]]
    empty: Callable[[], None]
    key: str = "id"
    choose: str = ""
    acts: Sequence[Act] = ()
    table: Table | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.box = ui.element("div").classes("m-stack")

    async def load(self) -> None:
        """Begin anew at the first page."""
        self.box.clear()
        with self.box:
            skeleton(4)
        try:
            page = await self._page(None)
        except Exception as error:
            self.box.clear()
            with self.box:
                failed(error, retry=self.load)
            return
        self.box.clear()
        with self.box:
            if not page["items"]:
                self.empty()
                return
            self.table = Table(
                self.columns,
                [self.row(item) for item in page["items"]],
                key=self.key,
                choose=self.choose,
                acts=self.acts,
            )
            self._foot(page.get("next"))

    async def _page(self, cursor: str | None) -> dict[str, Any]:
        """The next page with something on it: where much is left out, one may be empty and not be the last."""
        page = await self.fetch(cursor)
        for _ in range(EMPTY):
            if page["items"] or not page.get("next"):
                break
            page = await self.fetch(page["next"])
        return page

    def _foot(self, cursor: str | None) -> None:
        with self.box, row() as foot:
            counted = desks.here().number(len(self.table or ()))
            if cursor is None:
                ui.label(t("shared.all_shown", n=counted)).classes("m-mute m-small")
            else:
                ui.label(t("shared.some_shown", n=counted)).classes("m-mute m-small")

                async def more() -> None:
                    page = await self._page(cursor)
                    assert self.table is not None
                    self.table.add([self.row(item) for item in page["items"]])
                    foot.delete()
                    self._foot(page.get("next"))

                button(t("shared.more"), more, icon="expand_more")
