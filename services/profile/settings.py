"""Options of the portrait and of consent, read from the environment (prefix `MARQUEE_`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Portrait(BaseSettings):
    """How habits and interests are counted."""

    model_config = SettingsConfigDict(env_prefix="MARQUEE_", extra="ignore")

    time_zone: str = "+08:00"
    """Zone of the hours of whoever's events do not name their own: an IANA name or an offset."""
    interest_half_life_days: float = Field(14.0, ge=0.1, le=3650)
    """Days after which what somebody did says half as much about what he likes; counts for what is recorded after."""


class Consent(BaseSettings):
    """What silence means."""

    model_config = SettingsConfigDict(env_prefix="MARQUEE_", extra="ignore")

    consent_first: str = ""
    """Purposes and channels between commas for which silence is a no: marketing, email, sms, push, phone."""
