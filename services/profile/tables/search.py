"""What viewers are found and ordered by: worked out from the identities a moment after they change."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Table, Text, text

from services.profile.tables.base import metadata
from shared.tables import TIME

search = Table(
    "search",
    metadata,
    Column("profile_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True, comment="a trait, or $name, $has (channels), $tag, $bot (of programs)"),
    Column("value", Text, primary_key=True, comment="at most 200 characters; numbers and booleans as in JSON"),
    Column("number", Double),
    Column("key", Text, comment="the value for looking inside it: see rules.search.key"),
    Index("search_name_value", "name", "value", "profile_id"),
    Index("search_name_number", "name", "number", "profile_id", postgresql_where=text("number IS NOT NULL")),
    Index(
        "search_names_key",
        "key",
        postgresql_using="gin",
        postgresql_ops={"key": "gin_trgm_ops"},
        postgresql_where=text("name = '$name'"),
    ),
    Index(
        "search_others_key",
        "key",
        postgresql_using="gin",
        postgresql_ops={"key": "gin_trgm_ops"},
        postgresql_where=text("name <> '$name' AND key IS NOT NULL"),
    ),
    comment="Values that viewers are found by; no contact data",
)

activity = Table(
    "activity",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seen", TIME, nullable=False),
    Column("last_seen", TIME, nullable=False),
    Column("events", BigInteger, nullable=False),
    Index("activity_last_seen", "last_seen", "profile_id"),
    Index("activity_events", "events", "profile_id", postgresql_include=["last_seen"]),
    comment="When viewers were seen and how often, over all their identities, for ordering lists",
)

touched = Table(
    "touched",
    metadata,
    Column("profile_id", BigInteger, nullable=False),
    Column("whole", BigInteger, nullable=False, comment="0: only counters moved, 1: everything may have changed"),
    comment="Viewers whose rows in search and activity are to be worked out again; appended to, emptied by the clock",
)
