"""Tables of profile, one file per noun."""

from services.profile.tables.base import metadata
from services.profile.tables.events import event_ids, events
from services.profile.tables.identities import identities, profiles

__all__ = ["event_ids", "events", "identities", "metadata", "profiles"]
