"""Tables of profile, one file per noun."""

from services.profile.tables.aggregates import aggregates, items
from services.profile.tables.base import metadata
from services.profile.tables.collection import (
    event_plan,
    event_types,
    event_violations,
    refused_events,
    touches,
    turned_away,
)
from services.profile.tables.events import event_ids, events
from services.profile.tables.exports import exports
from services.profile.tables.identities import identities, profiles
from services.profile.tables.imports import import_errors, import_lines, imports
from services.profile.tables.links import links, moves, namespaces, redirects, vetoes
from services.profile.tables.privacy import birthdays, consents, data_keys, erasures, retentions, suppressed
from services.profile.tables.quality import quality_counts, quality_notes, quality_snapshots
from services.profile.tables.search import activity, search, touched
from services.profile.tables.tags import followers, heard_segments, leaning, tagged, tags
from services.profile.tables.traits import refused_traits, trait_definitions, trait_sources

__all__ = [
    "activity",
    "aggregates",
    "birthdays",
    "consents",
    "data_keys",
    "erasures",
    "event_ids",
    "event_plan",
    "event_types",
    "event_violations",
    "events",
    "exports",
    "followers",
    "heard_segments",
    "identities",
    "import_errors",
    "import_lines",
    "imports",
    "items",
    "leaning",
    "links",
    "metadata",
    "moves",
    "namespaces",
    "profiles",
    "quality_counts",
    "quality_notes",
    "quality_snapshots",
    "redirects",
    "refused_events",
    "refused_traits",
    "retentions",
    "search",
    "suppressed",
    "tagged",
    "tags",
    "touched",
    "touches",
    "trait_definitions",
    "trait_sources",
    "turned_away",
    "vetoes",
]
