"""Messages a viewer got or did not get, and the one reason why."""

from __future__ import annotations

from typing import Any

from gateway.console import parts, texts
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import words

TONES: dict[str, parts.Tone] = {
    "sent": "good",
    "accepted": "good",
    "delivered": "good",
    "opened": "good",
    "clicked": "good",
    "failed": "bad",
    "unknown": "warn",
    "planned": "accent",
}
LIMIT = 200


async def draw(desk: Desk, profile: dict[str, Any]) -> None:
    """The last messages, newest first."""
    viewer = await desk.api.get(f"/v1/viewers/{profile['profile_id']}", limit=LIMIT)
    found = viewer["messages"]
    with parts.panel(t("person.tab.messages")):
        if found is None:
            parts.alert(t("person.absent"), tone="bad", detail=viewer["absent"].get("messages", ""))
        elif not found:
            parts.empty("mail", t("person.no_messages"), t("person.no_messages_hint"))
        else:
            parts.Table(
                [
                    parts.Column("planned", t("person.planned")),
                    parts.Column("campaign", t("person.campaign")),
                    parts.Column("channel", t("person.channel")),
                    parts.Column("state", t("person.state")),
                    parts.Column("reason", t("person.reason")),
                    parts.Column("finished", t("person.finished")),
                    parts.Column("id", t("person.number"), number=True, shown=False),
                ],
                [_row(desk, one) for one in found],
                choose="messages",
            )
    if viewer["banners"]:
        with parts.panel(t("person.banners")):
            parts.Table(
                [
                    parts.Column("at", t("person.at")),
                    parts.Column("placement", t("person.placement"), mono=True),
                    parts.Column("creative", t("person.creative"), mono=True),
                    parts.Column("reason", t("person.reason")),
                ],
                [
                    {
                        "id": f"{number}",
                        "at": parts.When(one["at"]),
                        "placement": one["placement"],
                        "creative": one["creative"],
                        "reason": one["reason"],
                    }
                    for number, one in enumerate(viewer["banners"])
                ],
            )


def _row(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one["message_id"],
        "planned": parts.When(one["planned_at"]),
        "campaign": parts.Link(one["name"], f"/campaigns/{one['campaign']}"),
        "channel": words.channel(one["channel"]),
        "state": parts.Badge(_word(desk, "states", one["state"]), TONES.get(one["state"], "")),
        "reason": _word(desk, "reasons", one["reason"]) if one["reason"] else "",
        "finished": parts.When(one["finished_at"]),
    }


def _word(desk: Desk, group: str, word: str) -> str:
    key = f"messages.{group}.{word.replace('-', '_').replace(' ', '_')}"
    return t(key) if texts.known(desk.language, key) else word
