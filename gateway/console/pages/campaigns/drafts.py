"""A campaign as its steps edit it: the body of a PUT, made of what the API shows and given back whole."""

from __future__ import annotations

import copy
import re
import secrets
from typing import Any

from gateway.console import texts
from gateway.console.desk import t

SET = (
    "name",
    "trigger",
    "channel",
    "content",
    "time",
    "quiet_hours",
    "rate",
    "transactional",
    "holdout",
    "conversion",
    "tracking",
)
"""What an operator sets; everything else the campaign service knows by itself."""
COMPARED = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "contains", "exists")
"""Operators of filters of the conversion event: fewer than rules have."""
LONGEST = 64
UNSUBSCRIBE = "unsubscribe_url"
"""The value of a template that is the viewer's way out."""


def blank(*, name: str, channel: str = "email", segment: str = "") -> dict[str, Any]:
    """A new draft; its message is a beginning that the review points at until it is another one."""
    made = {
        "name": name,
        "trigger": {"manual": {"segment": segment}},
        "channel": channel,
        "content": {"subject": t("campaigns.first_subject"), "body": t("campaigns.first_body"), "missing": "blank"},
    }
    fit(made)
    return made


def of(campaign: dict[str, Any]) -> dict[str, Any]:
    """The body of a PUT that changes nothing; `"manual": {}` keeps the list that is there."""
    made: dict[str, Any] = {name: copy.deepcopy(campaign[name]) for name in SET if campaign.get(name) is not None}
    made = _without_nothing(made)
    manual = made["trigger"].get("manual")
    if manual is not None:
        manual.pop("list_length", None)
    made["content"].setdefault("variants", [])
    return made


def fit(body: dict[str, Any]) -> None:
    """Leave only the texts that the channel has, in every variant; a subject that is needed is there."""
    channel, content = body["channel"], body["content"]
    for one in (content, *content.get("variants", ())):
        if channel == "sms":
            one.pop("subject", None)
        else:
            one.setdefault("subject", content.get("subject") or t("campaigns.first_subject"))
        if channel != "email":
            one.pop("html", None)
        if channel not in ("push", "inbox"):
            one.pop("link", None)


def texts_of(campaign: dict[str, Any]) -> list[dict[str, Any]]:
    """The default message and its variants."""
    return [campaign["content"], *campaign["content"].get("variants", ())]


def way_out(campaign: dict[str, Any]) -> bool:
    """Whether every text of a marketing message says how to get no more of them; one that viewers wait for need not.

    E-mails and SMS that do not say it are sent with a line that does.
    """
    if campaign.get("transactional") or campaign["channel"] in ("email", "sms", "inbox"):
        return True
    written = [one.get(part) for one in texts_of(campaign) for part in ("body", "html")]
    return all(UNSUBSCRIBE in text for text in written if text)


def measured(campaign: dict[str, Any]) -> str:
    """What can be counted of it, as the texts under `campaigns.measured` say: a plain e-mail gets HTML for that."""
    if not campaign.get("tracking", True):
        return "off"
    written = texts_of(campaign)
    if campaign["channel"] == "email":
        return "opens_clicks"
    if campaign["channel"] in ("push", "inbox"):
        return "clicks" if any(one.get("link") for one in written) else "no_link"
    return "sms"


def unwritten(campaign: dict[str, Any]) -> bool:
    """Whether the message is still the one it began with."""
    return campaign["content"]["body"] in {texts.text(one, "campaigns.first_body") for one in texts.LANGUAGES}


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what is empty."""
    sent: dict[str, Any] = _without_nothing(copy.deepcopy(body))
    if not sent.get("conversion", {}).get("event"):
        sent.pop("conversion", None)
    if "manual" not in sent["trigger"]:
        sent.pop("time", None)
    if sent.get("transactional"):
        sent.pop("holdout", None)
        if isinstance(sent.get("quiet_hours"), dict):
            sent.pop("quiet_hours")
    return sent


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_nothing(one) for one in value]
    return value


def refs_of(text: str) -> list[str]:
    """Viewers of a pasted list: one a line or between commas, each once."""
    return list(dict.fromkeys(one for one in re.split(r"[\s,;]+", text) if one))


def key_of(name: str) -> str:
    """A key made of a name's Latin letters and digits, with an end of its own."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST].strip("-")
    return f"{slug or 'campaign'}-{secrets.token_hex(4)}"
