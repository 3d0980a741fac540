"""What the rule comes to while it is being edited: count, channels, and some of the people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import background_tasks, ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import named
from gateway.console.pages.segments.members import person
from gateway.console.parts.rule import Builder

SAID = 2
"""Messages about the rule that stand beside the count too: their places may be out of sight."""
DEBOUNCE = 0.45
"""Seconds without an edit before the rule is asked about."""


class Preview:
    """A panel beside the builder. An edit cancels what is being asked about the rule before it."""

    def __init__(self, desk: Desk, wrong: Callable[[dict[str, str]], list[str]]) -> None:
        self._desk, self._wrong = desk, wrong
        self._task: asyncio.Task[Any] | None = None
        self.count: int | None = None
        with parts.panel(t("segments.now")):
            with parts.row().props("aria-live=polite"):
                self._number = ui.label("–").classes("m-big")
                self._spin = ui.spinner(size="18px").props("color=grey-6")
            self._said = ui.label("").classes("m-mute m-small m-wrap")
            self._channels = parts.stack(tight=True)
        self._people_panel = parts.panel(t("segments.some"), hint=t("segments.some_hint"))
        with self._people_panel:
            self._people = parts.stack(tight=True)
        self._spin.set_visibility(False)

    def ask(self, builder: Builder) -> None:
        """Ask about the rule as it is, soon."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
        self._task = background_tasks.create(self._asked(builder), name="preview")

    async def _asked(self, builder: Builder) -> None:
        await asyncio.sleep(DEBOUNCE)
        with self._people_panel:
            if builder.blank:
                self._show(None, t("segments.begin"))
                return
            self._spin.set_visibility(True)
            body = {"rule": builder.rule}
            try:
                told = await self._desk.api.post("/v1/segments/preview", body)
            except ApiError as error:
                self._refused(error)
                return
            builder.show_wrong({})
            self._show(told["count"], t("segments.as_of", at=self._desk.exact(told["as_of"])))
            channels, people = await asyncio.gather(
                self._desk.api.post("/v1/segments/preview/contacts", body),
                asyncio.gather(*(person(self._desk, one) for one in told["sample"])),
                return_exceptions=True,
            )
            if not isinstance(channels, BaseException):
                self._show_channels(channels)
            if not isinstance(people, BaseException):
                self._show_people(told["count"], list(people))

    def _refused(self, error: ApiError) -> None:
        self._wrong(error.fields)
        if error.status != 422:
            self._show(None, ": ".join(filter(None, parts.words(error))))
            return
        told = list(error.fields.values())[:SAID]
        self._show(None, "; ".join([t("segments.incomplete"), *told]))

    def _show(self, count: int | None, said: str) -> None:
        self.count = count
        self._spin.set_visibility(False)
        self._number.text = self._desk.number(count)
        self._said.text = said
        if count is None:
            self._channels.clear()
            self._people.clear()

    def _show_channels(self, told: dict[str, Any]) -> None:
        self._channels.clear()
        with self._channels:
            for one in told["channels"]:
                share = one["contactable"] / told["count"] if told["count"] else 0.0
                with parts.row(tight=True):
                    key = f"people.channel.{one['channel']}"
                    ui.label(t(key) if one["channel"] in ("email", "phone", "push") else one["channel"])
                    ui.element("div").classes("m-grow")
                    ui.label(self._desk.number(one["contactable"])).classes("m-strong")
                    ui.label(self._desk.percent(share)).classes("m-mute m-small")
                    hint = t("segments.contacts_hint", reach=one["reachable"], agreed=one["agreed"])
                    ui.icon("info_outline").classes("m-mute").tooltip(hint)
            if not told["channels"]:
                ui.label(t("segments.no_contacts")).classes("m-mute m-small")

    def _show_people(self, count: int, people: list[dict[str, Any]]) -> None:
        self._people.clear()
        with self._people:
            if not count:
                ui.label(t("segments.nobody")).classes("m-mute")
            for one in people:
                sample = ui.element("a").classes("m-sample").props("target=_blank")
                with parts.attributes(sample, href=f"/people/{one['profile_id']}"):
                    ui.label(named(one)).classes("m-ellipsis m-grow")
                    about = (one["traits"].get(name) for name in ("age", "region", "plan"))
                    ui.label(" · ".join(str(value) for value in about if value is not None)).classes("m-mute m-small")
