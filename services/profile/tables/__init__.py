"""Tables of profile, one file per noun."""

from services.profile.tables import privacy as privacy
from services.profile.tables.aggregates import aggregates, items
from services.profile.tables.base import metadata
from services.profile.tables.events import event_ids, events
from services.profile.tables.identities import identities, profiles

__all__ = ["aggregates", "event_ids", "events", "identities", "items", "metadata", "profiles"]
