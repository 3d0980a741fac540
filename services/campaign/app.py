"""Campaign's wiring."""

from __future__ import annotations

from fastapi import FastAPI

from services.campaign import memory
from services.campaign.answers import ANSWERS
from services.campaign.listeners import LISTENERS
from services.campaign.routes import ROUTES
from services.campaign.settings import CampaignSettings
from services.campaign.steps import STEPS
from services.campaign.tables import metadata
from services.campaign.timers import TIMERS
from shared.app import Service, create_app
from shared.settings import Settings

SERVICE = Service(
    name="campaign",
    title="Campaign: who is written to, once, and what became of it",
    tables=metadata,
    routes=ROUTES,
    listeners=LISTENERS,
    timers=TIMERS,
    steps=STEPS,
    answers=ANSWERS,
    rests={"FACTS": 0.1},
    settings=CampaignSettings,
    memory=memory.opened,
)


def create(settings: Settings) -> FastAPI:
    """The app of this process."""
    return create_app(SERVICE, settings)
