"""What operators have laid down about traits, and what was refused by it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

trait_definitions = Table(
    "trait_definitions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("enum", JSONB),
    Column("personal", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="What traits hold; built-in definitions stand in the code until an operator says otherwise",
)

trait_sources = Table(
    "trait_sources",
    metadata,
    Column("source", Text, primary_key=True, comment="a source, or a kind of sources"),
    Column("rank", Integer, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="How far sources are believed, where it is not the default of their kind",
)

refused_traits = Table(
    "refused_traits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", TIME, nullable=False),
    Column("last_at", TIME, nullable=False),
    comment="Values that traits did not take, counted; the values themselves are not kept",
)
