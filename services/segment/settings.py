"""Options of segment, read from the environment (prefix `MARQUEE_`)."""

from __future__ import annotations

from datetime import tzinfo
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import days
from shared.settings import Settings as Common


def _known(name: str) -> str:
    if days.zone(name) is None:
        raise ValueError("is no time zone: it must be one like Asia/Shanghai, or an offset like +08:00")
    return name


class Days(BaseSettings):
    """Where days begin, as everywhere in this installation."""

    model_config = SettingsConfigDict(env_prefix="MARQUEE_", extra="ignore")

    time_zone: Annotated[str, AfterValidator(_known)] = "+08:00"
    """An IANA name or an offset; days that are over stay as they were counted."""


@cache
def time_zone() -> tuple[str, tzinfo]:
    """The zone of this process's days, with its name."""
    name = Days().time_zone
    found = days.zone(name)
    assert found is not None
    return name, found


class Settings(Common):
    """What segment needs."""

    data: Path = Path(".data")
    """The installation's folder; the warehouse's file lies in `segment` below it. It may be lost: it is built anew."""
    log_days: int = Field(400, ge=1)
    """Days that the log of who entered and left is kept; members as of an earlier day cannot be told."""
    warehouse_memory: int = Field(1024, ge=64)
    """MB that the warehouse's process may use for questions; larger ones go to disk where they can."""
    warehouse_threads: int = Field(2, ge=1, le=256)
    """Processors that one question may use."""
    warehouse_waiting: int = Field(16, ge=1)
    """Questions that may wait for the warehouse; more are refused."""
    warehouse_rewrite_minutes: int = Field(60, ge=1)
    """Minutes after which what was forgotten has left the warehouse's file, too: it is written anew for that."""
