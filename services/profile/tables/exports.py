"""Lists people asked for as files."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Identity, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

exports = Table(
    "exports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False, comment="csv or xlsx"),
    Column("filter", JSONB, nullable=False),
    Column("columns", JSONB, nullable=False),
    Column("pseudonymous", Boolean, nullable=False),
    Column("domain", Text, nullable=False, server_default="analytics", comment="of its pseudonyms"),
    Column("by", Text, nullable=False, comment="the key that asked"),
    Column("created_at", TIME, nullable=False),
    Column("rows", BigInteger, comment="viewers written by the last download so far"),
    Column("finished_at", TIME, comment="when it was complete"),
    comment="What each export holds; the file is written while it is downloaded and kept nowhere",
)
