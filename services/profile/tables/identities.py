"""Viewers and their identities."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

profiles = Table(
    "profiles",
    metadata,
    Column("profile_id", BigInteger, Identity(always=True, minvalue=1, maxvalue=2**32 - 1), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    comment="Viewers; what is known of them stands with their identities",
)

identities = Table(
    "identities",
    metadata,
    Column("origin", Text, primary_key=True, comment="namespace:value"),
    Column("profile_id", BigInteger, nullable=False, index=True),
    Column("traits", JSONB, nullable=False, server_default=text("'{}'"), comment="name: [value, at, since]"),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    Column("bots", BigInteger, nullable=False, server_default=text("0"), comment="of these, events of programs"),
    Column("first_seen", TIME, nullable=False),
    Column("last_seen", TIME, nullable=False),
    Column(
        "move", BigInteger, nullable=False, server_default=text("0"), comment="the last merge or split it went with"
    ),
    Index(
        "identities_birthday",
        text("left((traits -> 'birthday'::text) ->> 0, 10)"),
        postgresql_where=text("traits ? 'birthday'"),
    ),
    Index(
        "identities_birthdays",
        "origin",
        postgresql_where=text("(traits -> 'birthday' -> 5 -> 0) IS NOT NULL"),
    ),
    comment="What one identity said; profile_id may be rewritten, the origin never",
)
