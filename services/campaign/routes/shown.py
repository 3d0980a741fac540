"""How a campaign's row is shown."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Response

from services.campaign.actions import campaigns
from services.campaign.schemas.campaigns import AudienceShown, CampaignShown, Planning, TriggerShown
from services.campaign.schemas.content import ContentShown, VariantShown
from services.campaign.schemas.manners import Manners
from services.campaign.schemas.words import Key
from services.campaign.store import Record
from shared import audit, clock

KeyInPath = Annotated[Key, Path(description="The campaign's key, chosen by the operator")]

_PLAIN = (
    "key",
    "name",
    "state",
    "version",
    "channel",
    "created_at",
    "updated_at",
    "submitted_at",
    "submitted_by",
    "approved_at",
    "approved_by",
    "note",
    "started_at",
    "started_by",
    "finished_at",
    "ended_by",
)


def done(response: Response, action: str, row: Record) -> CampaignShown:
    """What an act made of a campaign, with its ETag and a line for the audit log."""
    audit.note(response, f"campaigns.{action}", [f"campaign:{row.key}", f"version:{row.version}"])
    response.headers["ETag"] = campaigns.edition(row)
    return campaign(row)


def campaign(row: Record) -> CampaignShown:
    """A campaign with its present content."""
    manners = Manners.model_validate(row.manners)
    return CampaignShown(
        **{name: getattr(row, name) for name in _PLAIN},
        **{name: getattr(manners, name) for name in Manners.model_fields},
        trigger=_trigger(row),
        content=ContentShown(
            **{name: getattr(row, name) for name in ("subject", "body", "html", "link", "missing")},
            variants=[VariantShown.model_validate(one) for one in row.variants],
        ),
        planning=_planning(row),
    )


def _trigger(row: Record) -> TriggerShown:
    if row.trigger_kind != "manual":
        return TriggerShown(**{row.trigger_kind: row.trigger_name})
    return TriggerShown(manual=AudienceShown(segment=row.trigger_name or None, list_length=row.listed))


def _planning(row: Record) -> Planning | None:
    if row.trigger_kind != "manual" or row.plan_at is None:
        return None
    return Planning(
        done=row.planned_at is not None,
        planned=row.planned,
        unknown=row.unknown or 0,
        begins_at=campaigns.begins_at(row, clock.now()),
        waits_for=campaigns.waits_for(row),
    )
