"""The campaign that is being made on a page: what its steps edit, and how it is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nicegui import ui

from gateway.console import parts
from gateway.console.api import ApiError
from gateway.console.desk import Desk, t
from gateway.console.pages.campaigns import drafts
from gateway.console.parts.rule import Known
from gateway.console.parts.rule.fields import Editing


@dataclass(kw_only=True)
class Making:
    """`body` is edited in place; `fields` are the inputs by the API's field names, to show errors at."""

    desk: Desk
    known: Known
    campaign: dict[str, Any] | None
    body: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._saved = drafts.whole(self.body) if self.campaign else None
        self.edit = Editing(known=self.known, changed=lambda: None, redraw=lambda: None, operators=drafts.COMPARED)

    @property
    def manual(self) -> bool:
        """Whether an operator starts it."""
        return "manual" in self.body["trigger"]

    async def save(self) -> str | None:
        """Save what changed; the campaign's key, or None when it was refused and said so."""
        drafts.fit(self.body)
        wanted = drafts.whole(self.body)
        if self.campaign is not None and wanted == self._saved:
            return str(self.campaign["key"])
        empty = [name for name, shown in self.fields.items() if _needed(name) and not str(shown.value or "").strip()]
        for name, shown in self.fields.items():
            shown.error = t("campaigns.needed") if name in empty else None
        if empty:
            return None
        if self._without_list(wanted):
            parts.show_error(ApiError(422, "", t("campaigns.list_again"), t("campaigns.list_again_hint")))
            return None
        key = self.campaign["key"] if self.campaign else drafts.key_of(wanted["name"])
        try:
            self.campaign = await self.desk.api.put(f"/v1/campaigns/{key}", wanted)
        except ApiError as error:
            parts.field_errors(error, self.fields)
            return None
        self._saved = wanted
        drafts.remember(self.desk, key, self.body)
        return str(key)

    async def go(self, step: str) -> None:
        """Save and go to a step; without one, to the campaign."""
        key = await self.save()
        if key is not None:
            ui.navigate.to(f"/campaigns/{key}/edit?step={step}" if step else f"/campaigns/{key}")

    @staticmethod
    def _without_list(wanted: dict[str, Any]) -> bool:
        return bool(wanted["trigger"].get("manual", {}).get("list") == [])


def _needed(name: str) -> bool:
    """Whether a field must have something in it."""
    return name == "name" or name.startswith("trigger.") or name.endswith((".subject", ".body", ".segment", ".tag"))
