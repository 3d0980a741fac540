"""From a number to the people behind it: a dialog with them, and the segment to make of them."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import named, said
from gateway.console.pages.segments.members import person
from gateway.console.pages.segments.saving import ask as ask_name

PAGE = 20


class Drill:
    """Cells of one answer; `request` carries its `as_of`, so that the people are those that were counted."""

    def __init__(self, desk: Desk, kind: str, request: dict[str, Any]) -> None:
        self._desk, self._kind, self._request = desk, kind, request

    async def open(self, cell: dict[str, Any], title: str) -> None:
        """Show who is behind a cell."""
        desk, body = self._desk, {"request": self._request, "cell": cell}
        with parts.dialog(title, wide=True) as shown:
            head = parts.row()
            listing = parts.Listing(
                fetch=lambda cursor: self._page(body, cursor, head, title),
                columns=[
                    parts.Column("name", t("people.name")),
                    parts.Column("profile_id", "ID", mono=True),
                    parts.Column("region", t("traits.region")),
                    parts.Column("last_seen", t("people.last_seen")),
                ],
                row=_row,
                empty=lambda: parts.empty("group_off", t("segments.nobody")),
                key="profile_id",
            )
            listing.box.style("max-height:56vh;overflow:auto;flex-wrap:nowrap")
            with parts.row().style("justify-content:flex-end"):
                parts.button(t("shared.close"), shown.close)
                if desk.may("segment:write"):
                    parts.button(t("segments.save_as"), lambda: self._save(body, title), kind="primary")
        shown.open()
        await listing.load()

    async def _page(self, body: dict[str, Any], cursor: str | None, head: ui.element, title: str) -> dict[str, Any]:
        told = await self._desk.api.post(f"/v1/insights/{self._kind}/viewers", body, limit=PAGE, cursor=cursor)
        people = await asyncio.gather(*(person(self._desk, one) for one in told["profile_ids"]))
        if cursor is None:
            head.clear()
            with head:
                ui.label(t("insight.viewers_n", n=told["count"])).classes("m-mute")
        return {"items": people, "next": told["next"]}

    def _save(self, body: dict[str, Any], title: str) -> None:
        async def save(key: str, name: str, way: str) -> dict[str, Any]:
            wanted = {**body, "key": key, "name": name, "as": way}
            made: dict[str, Any] = await self._desk.api.post(f"/v1/insights/{self._kind}/save", wanted)
            return made

        ask_name(t("segments.save_as"), save, name=title, ways=("list", "rule"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "profile_id": one["profile_id"],
        "name": parts.Link(named(one), f"/people/{one['profile_id']}"),
        "region": said(one["traits"].get("region")),
        "last_seen": parts.When(one["last_seen"]),
    }
