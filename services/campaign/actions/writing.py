"""Writing a message for one viewer: which texts are his, whether he may have it now, and how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from services.campaign.actions.asking import Asked, Found
from services.campaign.rules import footers, sending, templates, times, variants
from services.campaign.rules.letters import Text
from services.campaign.schemas.manners import Manners, QuietHours
from services.campaign.settings import CampaignSettings
from services.campaign.store import Record
from services.campaign.store.messages import Result
from shared import experiment
from shared.contracts import Contact


@dataclass(frozen=True)
class Version:
    """A version of a campaign with its manners read."""

    content: Record
    manners: Manners
    quiet: times.Quiet | None

    @cached_property
    def asked(self) -> Asked:
        """What consent depends on: who was put on a list was not chosen by what he did."""
        by_deeds = self.content.trigger_kind.startswith("segment_") or (
            self.content.trigger_kind == "manual" and self.content.trigger_name != ""
        )
        purpose = sending.purpose(transactional=self.manners.transactional)
        return Asked(self.content.channel, purpose, by_deeds)

    def is_held_out(self, profile_id: int) -> bool:
        """Whether the viewer is in the hold-out; always the same for one campaign."""
        share = self.manners.holdout
        return share > 0 and experiment.bucket(f"holdout:{self.content.key}", str(profile_id)) < share


def version(content: Record, settings: CampaignSettings) -> Version:
    """A version as its rules see it; `content` has the campaign's key and name."""
    manners = Manners.model_validate(content.manners)
    said = manners.quiet_hours
    if manners.transactional or said == "none":
        quiet = None
    elif isinstance(said, QuietHours):
        quiet = times.quiet(f"{said.begin}-{said.end}")
    else:
        quiet = times.quiet(settings.quiet_hours)
    return Version(content, manners, quiet)


def segments(of: Version) -> set[str]:
    """Segments that decide which variant is whose."""
    return variants.segments(of.content.variants)


def waits(of: Version, contact: Contact, now: datetime, default_zone: str) -> tuple[str, datetime] | None:
    """What a viewer's clock says against sending now, and until when."""
    where = times.zone(contact.zone, default_zone)
    if of.manners.time is not None and of.manners.time.local is not None:
        due = times.instant(of.manners.time.local, where)
        if due > now:
            return "local_time", due
    due_ = times.resume(now, where, of.quiet)
    return None if due_ is None else ("quiet_hours", due_)


def text(of: Version, found: Found, contact: Contact, values: Mapping[str, object]) -> tuple[variants.Texts, Text]:
    """The message, with a way out if it is marketing. Raises templates.Fault."""
    texts = variants.chosen(of.content, member_of=found.segments_of(contact.profile_id), tags=frozenset(contact.tags))
    if texts.html is not None:
        texts = replace(texts, html=templates.as_html(texts.html))
    sources = templates.Templates(texts.subject, texts.body, texts.html, of.content.missing, texts.link)
    written = templates.message(sources, values)
    channel, url = of.content.channel, str(values["unsubscribe_url"])
    if channel == "email" and of.manners.tracking:
        written = footers.with_html(written)
    if url and not of.manners.transactional:
        written = footers.with_way_out(written, url, channel)
    return texts, written


def plain_values(of: Version, contact: Contact | None, unsubscribe_url: str) -> dict[str, object]:
    """What every template may show: plain data only."""
    profile: dict[str, object] = {"id": contact.profile_id, "traits": contact.traits} if contact else {"traits": {}}
    return {
        "profile": profile,
        "campaign": {"key": of.content.key, "name": of.content.name},
        "unsubscribe_url": unsubscribe_url,
    }


def fault(message: int, problem: templates.Fault) -> Result:
    """What a message becomes whose template does not work."""
    if problem.missing:
        return Result(message, "skipped", "missing_value", str(problem))
    return Result(message, "failed", "template_error", str(problem))
