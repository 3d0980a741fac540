"""People: the list of viewers, filtered, with columns to choose, and as a file."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import frame, parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.people import saving
from gateway.console.pages.people.filters import Filters, draw
from gateway.console.pages.people.rows import columns, fetched, row


@frame.page("/people", title="people.title", permission="profile:read")
async def people(desk: Desk) -> None:
    """Filters stand in the address: a list can be sent to a colleague, and the back button goes back."""
    filters = Filters.read(desk.query)
    definitions = await desk.api.get("/v1/traits/definitions")
    await draw(desk, filters, [one["name"] for one in definitions])

    def nobody() -> None:
        if filters.empty:
            parts.empty(
                "group", t("people.none_yet"), t("people.none_yet_hint"), action=t("people.to_sources"), href="/sources"
            )
        else:
            parts.empty(
                "person_search",
                t("people.none_found"),
                t("people.none_found_hint"),
                action=t("people.clear"),
                href="/people",
            )

    with parts.panel():
        head = parts.row()
        listing = parts.Listing(
            fetch=lambda cursor: fetched(desk, filters, cursor),
            columns=columns(definitions),
            row=lambda one: row(desk, one),
            empty=nobody,
            key="profile_id",
            choose="people",
        )
        await listing.load()
        with head:
            parts.stack().classes("m-grow")
            if desk.may("segment:write") and not filters.empty:
                parts.button(t("segments.save_as"), lambda: _save(filters, definitions), icon="donut_large")
            if desk.may("profile:write") and listing.table is not None:
                parts.button(t("people.export"), lambda: _export(desk, filters), icon="download", kind="quiet")
            if listing.table is not None:
                listing.table.chooser()


def _save(filters: Filters, definitions: list[dict[str, Any]]) -> None:
    """On to the builder, with the filters as a rule; a search stays behind, so it is not passed over in silence."""
    if filters.q:
        parts.show_error(ApiError(422, "", t("people.no_rule_of_search"), t("people.no_rule_of_search_hint")))
        return
    if filters.programs == "only":
        parts.show_error(ApiError(422, "", t("people.no_rule_of_programs"), t("people.program_hint")))
        return
    ui.navigate.to(saving.href(filters, {one["name"]: one["type"] for one in definitions}))


async def _export(desk: Desk, filters: Filters) -> None:
    """The same people as a file; an admin's has contact data in it, and the audit log says so."""
    title = t("people.export_title")
    if filters.segment:
        known = await desk.api.get(f"/v1/segments/{filters.segment}")
        parts.download(title, f"/v1/segments/{filters.segment}/members.csv", total=known["size"])
        return
    if filters.q:
        parts.say(t("people.export_without_search"))
    made = await desk.api.post("/v1/exports", {"name": "viewers", "filter": filters.as_export()})
    parts.download(title, f"/v1/exports/{made['id']}/file")
