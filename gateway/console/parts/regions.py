"""Regions that load after the page is shown: the page comes at once, and what is slow comes when it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from gateway.console import desk as desks
from gateway.console.api import ApiError
from gateway.console.parts.basics import skeleton
from gateway.console.parts.errors import failed, show_error
from shared import telemetry

log = telemetry.logger(__name__)


class Region:
    """A part of a page, built by a function, again at every `refresh`; the old one stays until the new is done."""

    def __init__(self, build: Callable[[], Awaitable[None]], *, lines: int = 3) -> None:
        self._build = build
        self._turn = 0
        self._making: set[ui.element] = set()
        self.box = ui.element("div").classes("m-stack")
        with self.box:
            skeleton(lines)
            ui.timer(0, self.refresh, once=True)

    async def refresh(self) -> None:
        """Build it anew; an error takes its place, with a way to try again. A newer refresh wins."""
        desks.here()  # tasks that are started while it is built find the desk too
        self._turn += 1
        turn = self._turn
        with self.box:
            fresh = ui.element("div").classes("m-stack").style("display:none")
            self._making.add(fresh)
            try:
                with fresh:
                    await self._build()
            except Exception as error:
                if not isinstance(error, ApiError):
                    log.error("a part of a page broke", exc_info=error)
                elif error.status == 401:
                    show_error(error)
                fresh.clear()
                with fresh:
                    failed(error, retry=self.refresh)
            finally:
                self._making.discard(fresh)
        if turn != self._turn:
            fresh.delete()
            return
        for old in list(self.box.default_slot.children):
            # What an older turn still draws goes when that is done: it would draw into nothing, and delete it again.
            if old is not fresh and old not in self._making and not isinstance(old, ui.timer):
                old.delete()
        fresh.style(remove="display:none")


def later(build: Callable[[], Awaitable[None]], *, lines: int = 3) -> Region:
    """A region built by that function; `lines` is how many grey bars stand there before."""
    return Region(build, lines=lines)
