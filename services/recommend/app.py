"""Recommend's wiring."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.recommend import memory
from services.recommend.actions import decisions, erasure, items, news, placements, recommendations
from services.recommend.listeners import LISTENERS
from services.recommend.routes import ROUTES
from services.recommend.settings import Settings
from services.recommend.tables import metadata
from services.recommend.timers import STEPS, TIMERS
from shared.answers import Answers, AnswersFromMemory
from shared.app import Service, create_app
from shared.catchup import Offers
from shared.contracts import BannersAsked, DecideAsked, ItemUpdated, RecommendAsked, UsesAsked
from shared.house import House
from shared.settings import Settings as Common


@asynccontextmanager
async def remember(house: House) -> AsyncIterator[memory.Memory]:
    """The process's memory: filled before the first question, its log emptied after the last."""
    assert isinstance(house.settings, Settings)
    held = memory.fresh(house.settings)
    memory.belongs(held, house.db.engine)
    await placements.load(house.db, held)
    await recommendations.rank(house.db, held)
    yield held
    await decisions.write_rest(house.db, held)


SERVICE = Service(
    name="recommend",
    title="Recommend: placements, creatives, items, and who sees what",
    tables=metadata,
    routes=ROUTES,
    listeners=LISTENERS,
    timers=TIMERS,
    steps=STEPS,
    rests={"FACTS": 0.1},
    answers=(
        AnswersFromMemory(DecideAsked, decisions.decide),
        AnswersFromMemory(RecommendAsked, recommendations.items),
        Answers(BannersAsked, decisions.of_viewer),
        Answers(UsesAsked, placements.uses),
        *erasure.KEEPS.answers(),
    ),
    snapshots=(Offers(ItemUpdated, items.snapshot),),
    settings=Settings,
    memory=remember,
    changed=news.hear,
)


def create(settings: Common) -> FastAPI:
    """The app with these settings."""
    return create_app(SERVICE, settings)
