"""States, channels, audiences, times and reasons of campaigns in the operator's language."""

from __future__ import annotations

from typing import Any

from gateway.console import names, parts, texts
from gateway.console.desk import Desk, t

CHANNELS = ("email", "sms", "push", "inbox")
STATES = ("draft", "submitted", "approved", "running", "paused", "finished", "cancelled", "archived")
TONES: dict[str, parts.Tone] = {
    "submitted": "warn",
    "approved": "accent",
    "running": "good",
    "paused": "warn",
    "cancelled": "bad",
}
MESSAGES: dict[str, parts.Tone] = {
    "planned": "accent",
    "claimed": "accent",
    "calling": "accent",
    "accepted": "good",
    "failed": "bad",
    "unknown": "warn",
}
MESSAGE_STATES = ("planned", "claimed", "calling", "accepted", "failed", "skipped", "unknown", "held")
STEPS = ("planned", "sent", "delivered", "opened", "clicked", "converted", "held", "unsubscribed")
"""How far a message came, as the API tells recipients apart."""
UNSENT = ("unknown", "failed", "skipped")
"""States that end without a message that surely left; each of their messages has its reason."""
AUTOMATIC = ("segment_entered", "segment_left", "event", "bus")
"""What makes a campaign write by itself."""


def state(campaign: dict[str, Any]) -> tuple[str, parts.Tone]:
    """The word of a campaign's state and how it looks."""
    return t(f"campaigns.states.{campaign['state']}"), TONES.get(campaign["state"], "")


def channel(name: str) -> str:
    """A channel."""
    return t(f"campaigns.channels.{name}")


def manual(campaign: dict[str, Any]) -> bool:
    """Whether an operator starts it and it ends; the others react for as long as they run."""
    return campaign["trigger"].get("manual") is not None


def audience(desk: Desk, trigger: dict[str, Any], segments: dict[str, str] | None = None) -> str:
    """Who gets it."""
    named = segments or {}
    chosen = trigger.get("manual")
    if chosen is not None:
        if chosen.get("segment"):
            return t("campaigns.to.segment", name=named.get(chosen["segment"], chosen["segment"]))
        length = chosen.get("list_length") or len(chosen.get("list") or ())
        return t("campaigns.to.list", n=desk.number(length))
    kind = next((one for one in AUTOMATIC if trigger.get(one)), "bus")
    value = str(trigger.get(kind, ""))
    shown = names.event(value) if kind == "event" else named.get(value, value)
    return t(f"campaigns.to.{kind}", name=shown)


def timing(desk: Desk, campaign: dict[str, Any]) -> str:
    """When it goes out."""
    time = campaign.get("time") or {}
    if time.get("at"):
        return f"{desk.exact(time['at'])}"
    if time.get("local"):
        return t("campaigns.local_time", at=str(time["local"])[:16].replace("T", " "))
    return t("campaigns.at_once") if manual(campaign) else t("campaigns.as_it_happens")


async def manners(desk: Desk) -> dict[str, Any]:
    """What holds here for campaigns that say nothing else: quiet hours, zone, cap, and where channels lead."""
    told: dict[str, Any] = await desk.api.get("/v1/campaigns/-/manners")
    return told


def quiet(campaign: dict[str, Any], house: dict[str, Any]) -> str:
    """The quiet hours that hold for it."""
    hours = campaign.get("quiet_hours")
    if isinstance(hours, dict):
        return _hours(hours)
    return t("campaigns.quiet.none") if hours == "none" else house_quiet(house)


def house_quiet(house: dict[str, Any]) -> str:
    """The installation's quiet hours."""
    hours = house["quiet_hours"]
    return t("campaigns.quiet_house", hours=_hours(hours)) if hours else t("campaigns.quiet_house_none")


def _hours(hours: dict[str, str]) -> str:
    return f"{hours['from']} – {hours['to']}"


def cap(desk: Desk, house: dict[str, Any]) -> str:
    """How many marketing messages a viewer gets here at most."""
    if house["cap"] is None:
        return t("campaigns.no_cap")
    return t("campaigns.cap", n=desk.number(house["cap"]), days=desk.number(house["cap_days"]))


def goes_to(name: str, house: dict[str, Any]) -> str:
    """Where messages of a channel go."""
    told = next(one for one in house["channels"] if one["channel"] == name)
    return t(f"campaigns.goes_to.{told['goes_to'] or 'nowhere'}", host=told["host"] or "")


def reason(desk: Desk, word: str | None) -> str:
    """Why a message was not sent, or waits."""
    if not word:
        return ""
    key = f"messages.reasons.{word.replace('-', '_').replace(' ', '_')}"
    return t(key) if texts.known(desk.language, key) else word


def message_state(word: str) -> str:
    """A message's state."""
    return t(f"messages.states.{word}")


def rate(part: float, whole: float) -> float | None:
    """A share, where there is something to share."""
    return part / whole if whole else None


def length(within: str) -> str:
    """A length of time as the API has it, 7d, for reading."""
    return f"{within[:-1]} {t(f'rules.units.{within[-1]}')}" if within else ""
