"""Profile's wiring."""

from __future__ import annotations

from fastapi import FastAPI

from services.profile.actions import aggregates, contacts, plan
from services.profile.listeners import ANSWERS, LISTENERS, SNAPSHOTS
from services.profile.routes import ROUTERS
from services.profile.steps import JOBS, STEPS
from services.profile.tables import metadata
from services.profile.timers import TIMERS
from shared.app import Service, create_app
from shared.reader import Abreast
from shared.settings import Settings

SERVICE = Service(
    name="profile",
    title="Profile: who every viewer is and what he did",
    tables=metadata,
    routes=ROUTERS,
    listeners=LISTENERS,
    timers=TIMERS,
    answers=ANSWERS,
    snapshots=SNAPSHOTS,
    steps=STEPS,
    jobs=JOBS,
    rests={"FACTS": 0.1},
    abreast={"INTAKE": Abreast(3)},
    changed=plan.changed,
)


def create(settings: Settings) -> FastAPI:
    """The app of this process. Raises UnknownZone, UnknownPurpose for options that are none."""
    aggregates.terms()
    contacts.first()
    return create_app(SERVICE, settings)
