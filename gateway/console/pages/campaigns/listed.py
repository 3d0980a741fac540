"""Whom a campaign names one by one: its list, page by page, as it was given."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gateway.console import parts
from gateway.console.desk import Desk, t

PAGE = 50


async def show(desk: Desk, campaign: dict[str, Any]) -> None:
    """The list in a dialog; contact data in it is masked."""
    with parts.dialog(t("campaigns.list_of"), wide=True) as shown:
        listing = parts.Listing(
            fetch=lambda cursor: desk.api.get(f"/v1/campaigns/{campaign['key']}/list", limit=PAGE, cursor=cursor),
            columns=[
                parts.Column("place", t("campaigns.place"), number=True, width="80px"),
                parts.Column("ref", t("campaigns.viewer"), mono=True),
            ],
            row=_row,
            empty=lambda: parts.empty("group_off", t("campaigns.nobody")),
            key="place",
        )
        listing.box.style("max-height:60vh;overflow:auto;flex-wrap:nowrap")
        with parts.row().style("justify-content:flex-end"):
            parts.button(t("shared.close"), shown.close, kind="primary")
    shown.open()
    await listing.load()


def _row(one: dict[str, Any]) -> dict[str, Any]:
    masked = "•" in one["ref"]
    return {
        "place": one["place"],
        "ref": one["ref"] if masked else parts.Link(one["ref"], f"/people/{quote(one['ref'])}"),
    }
