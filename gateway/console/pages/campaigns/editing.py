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

CHANGED = "/problems/changed-meanwhile"
LIST = "trigger.manual.list"
"""The field of a pasted list."""


@dataclass(kw_only=True)
class Making:
    """`body` is edited in place; `fields` are the inputs by the API's field names, to show errors at.

    `manners` are the installation's, which hold where the campaign says nothing.
    `edition` is the ETag of what is edited: a change by somebody else meanwhile is not undone by this one.
    """

    desk: Desk
    known: Known
    campaign: dict[str, Any] | None
    body: dict[str, Any]
    manners: dict[str, Any]
    edition: str | None = None
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
        if self.kept:
            empty = [name for name in empty if name != LIST]
        for name, shown in self.fields.items():
            shown.error = t("campaigns.needed") if name in empty else None
        if empty:
            return None
        key = self.campaign["key"] if self.campaign else drafts.key_of(wanted["name"])
        try:
            self.campaign, self.edition = await self.desk.api.change(f"/v1/campaigns/{key}", wanted, of=self.edition)
        except ApiError as error:
            if error.type == CHANGED:
                await self._ask_again(key)
            else:
                parts.field_errors(error, self.fields)
            return None
        self._saved = wanted
        return str(key)

    async def _ask_again(self, key: str) -> None:
        """Somebody changed it meanwhile: look at his, which loses what was typed here, or stay and copy it."""
        title, text = t("campaigns.changed_meanwhile"), t("campaigns.changed_meanwhile_hint")
        if await parts.confirm(title, text, action=t("campaigns.see_theirs"), danger=False):
            ui.navigate.reload()

    async def go(self, step: str) -> None:
        """Save and go to a step; without one, to the campaign."""
        key = await self.save()
        if key is not None:
            ui.navigate.to(f"/campaigns/{key}/edit?step={step}" if step else f"/campaigns/{key}")

    @property
    def kept(self) -> int:
        """How many viewers the saved list has, when there is one and it is to stay."""
        saved = (self.campaign or {}).get("trigger", {}).get("manual") or {}
        return int(saved.get("list_length") or 0) if self.body["trigger"].get("manual") == {} else 0


def _needed(name: str) -> bool:
    """Whether a field must have something in it."""
    return name == "name" or name.startswith("trigger.") or name.endswith((".subject", ".body", ".segment", ".tag"))
