"""The manners of this installation, as they are in effect for campaigns that say nothing else."""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlsplit

from services.campaign.actions.messages import WEEK
from services.campaign.memory import Desk
from services.campaign.rules import times
from services.campaign.schemas.manners import ChannelShown, Hours, MannersInEffect
from services.campaign.schemas.words import Channel
from services.campaign.settings import CampaignSettings
from shared.house import House


def in_effect(house: House) -> MannersInEffect:
    """Quiet hours, zone, cap, approval, and where each channel's messages go."""
    settings = house.settings
    assert isinstance(settings, CampaignSettings)
    quiet = times.quiet(settings.quiet_hours)
    return MannersInEffect(
        quiet_hours=None if quiet is None else Hours(begin=f"{quiet.begin:%H:%M}", end=f"{quiet.end:%H:%M}"),
        zone=settings.default_zone,
        cap=settings.marketing_cap or None,
        cap_days=WEEK.days,
        approve_own=settings.approve_own,
        mail_from=settings.mail_from,
        public_url=settings.public_url,
        one_click=settings.public_url.startswith("https://"),
        channels=[_channel(name, house.memory, settings) for name in get_args(Channel)],
    )


def _channel(name: Channel, desk: Desk, settings: CampaignSettings) -> ChannelShown:
    counter = desk.counters[name]
    url = {"email": settings.smtp_url, "sms": settings.sms_url, "push": settings.push_url}.get(name)
    reason = desk.held_up(name)
    return ChannelShown(
        channel=name,
        goes_to=counter.keeps or ("provider" if counter.provider is not None else None),
        host=urlsplit(url.get_secret_value()).hostname if url is not None and counter.provider is not None else None,
        ready=reason is None,
        reason=reason,
    )
