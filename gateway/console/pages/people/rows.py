"""Columns and rows of the list of people."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.console import parts
from gateway.console.desk import Desk, t
from gateway.console.names import trait
from gateway.console.pages.people.filters import Filters

PAGE = 50
MEMBERS = 25
"""Members of a segment per page: each is asked for on his own."""
SHOWN = {"age", "gender", "region", "plan"}
"""Traits with a column before anyone chose."""


def columns(definitions: list[dict[str, Any]]) -> list[parts.Column]:
    """What can be shown: who he is, when he was seen, and every trait that is defined."""
    return [
        parts.Column("name", t("people.name")),
        parts.Column("profile_id", "ID", mono=True),
        parts.Column("user_id", "user_id", mono=True, shown=False),
        parts.Column("has", t("people.has")),
        *(
            parts.Column(f"trait_{one['name']}", trait(one["name"]), shown=one["name"] in SHOWN)
            for one in sorted(definitions, key=lambda one: (one["name"] not in SHOWN, one["name"]))
            if one["name"] != "name"
        ),
        parts.Column("events", t("people.events"), number=True),
        parts.Column("last_seen", t("people.last_seen")),
        parts.Column("first_seen", t("people.first_seen"), shown=False),
    ]


def row(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    """A row of one viewer."""
    link = f"/people/{one['profile_id']}"
    users = [known["value"] for known in one["identities"] if known["namespace"] == "user_id"]
    return {
        "profile_id": one["profile_id"],
        "name": parts.Link(named(one), link, t("people.program") if one["bot"] else ""),
        "user_id": users[0] if users else "",
        "has": parts.Chips([channel(one) for one in one["has"]]),
        "events": one["events"],
        "last_seen": parts.When(one["last_seen"]),
        "first_seen": parts.When(one["first_seen"]),
        **{f"trait_{name}": said(value) for name, value in one["traits"].items()},
    }


def named(one: dict[str, Any]) -> str:
    """What a viewer is called: his name, else an id."""
    for known in ("name", "nickname", "user_name"):
        if one["traits"].get(known):
            return str(one["traits"][known])
    ids = {known["namespace"]: known["value"] for known in one.get("identities", ())}
    return str(ids.get("user_id") or ids.get("anonymous_id") or one["profile_id"])


def channel(name: str) -> str:
    """A channel he has an address for."""
    return t(f"people.channel.{name}") if name in ("email", "phone", "push") else name


def said(value: Any) -> str:
    """A trait's value for reading."""
    if isinstance(value, bool):
        return t("shared.yes") if value else t("shared.no")
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


async def fetched(desk: Desk, filters: Filters, cursor: str | None) -> dict[str, Any]:
    """A page of the list."""
    if not filters.segment:
        page: dict[str, Any] = await desk.api.get("/v1/profiles", limit=PAGE, cursor=cursor, **filters.as_query())
        return page
    members = await desk.api.get(f"/v1/segments/{filters.segment}/members", limit=MEMBERS, cursor=cursor)
    people = await asyncio.gather(*(desk.api.get(f"/v1/profiles/{one['profile_id']}") for one in members["items"]))
    return {"items": people, "next": members.get("next")}
