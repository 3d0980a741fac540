"""Members of a segment: now, or as told at an instant."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from nicegui import ui

from gateway.console import api, parts, texts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.people.rows import named, said

PAGE = 25


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The table; another instant draws it anew."""
    with parts.panel():
        with parts.row():
            day = ui.input(t("segments.as_of_day")).props("type=datetime-local").style("width:220px")
            ui.label(t("segments.as_of_hint")).classes("m-mute m-small m-grow")
            export = parts.button(t("segments.export"), icon="download", kind="quiet")

        def instant() -> str | None:
            if not day.value:
                return None
            return datetime.fromisoformat(day.value).replace(tzinfo=desk.zone).isoformat()

        listing = parts.Listing(
            fetch=lambda cursor: _page(desk, one["key"], cursor, instant()),
            columns=[
                parts.Column("name", t("people.name")),
                parts.Column("profile_id", "ID", mono=True),
                parts.Column("region", t("traits.region")),
                parts.Column("last_seen", t("people.last_seen")),
                parts.Column("since", t("segments.since")),
                parts.Column("cause", t("segments.cause")),
            ],
            row=lambda member: _row(desk, member),
            empty=lambda: parts.empty("group_off", t("segments.no_members"), t("segments.no_members_hint")),
            key="profile_id",
        )
        day.on_value_change(listing.load)
        csv = f"/v1/segments/{one['key']}/members.csv"
        export.on_click(lambda: parts.download(t("segments.export"), csv, total=one["size"], as_of=instant()))
        await listing.load()


async def _page(desk: Desk, key: str, cursor: str | None, as_of: str | None) -> dict[str, Any]:
    page: dict[str, Any] = await desk.api.get(f"/v1/segments/{key}/members", limit=PAGE, cursor=cursor, as_of=as_of)
    people = await asyncio.gather(*(person(desk, one["profile_id"]) for one in page["items"]))
    items = [{**one, "person": found} for one, found in zip(page["items"], people, strict=True)]
    return {**page, "items": items}


async def person(desk: Desk, profile_id: int) -> dict[str, Any]:
    """A viewer's profile; only his id where profile does not know him (any more)."""
    try:
        found: dict[str, Any] = await desk.api.get(f"/v1/profiles/{api.ref(profile_id)}")
    except ApiError:
        return {"profile_id": profile_id, "traits": {}, "identities": (), "last_seen": None}
    return found


def _row(desk: Desk, member: dict[str, Any]) -> dict[str, Any]:
    found = member["person"]
    return {
        "profile_id": member["profile_id"],
        "name": parts.Link(named(found), f"/people/{member['profile_id']}"),
        "region": said(found["traits"].get("region")),
        "last_seen": parts.When(found["last_seen"]),
        "since": parts.When(member["since"]),
        "cause": cause(desk, member["cause"]),
    }


def cause(desk: Desk, name: str | None) -> str:
    """What made him a member."""
    if name is None:
        return ""
    key = f"person.causes.{name}"
    return t(key) if texts.known(desk.language, key) else name
