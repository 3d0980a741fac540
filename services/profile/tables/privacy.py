"""Data keys, consents, erasures and what must not come back."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

data_keys = Table(
    "data_keys",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False, comment="the data key, encrypted with the installation's key"),
    Column("root", Text, nullable=False, index=True, comment="name of the installation's key it is wrapped with"),
    Column("created_at", TIME, nullable=False),
    comment="One key per identity; without it whatever is sealed with it is unreadable for good",
)

consents = Table(
    "consents",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("origin", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, comment="null: what was said before is taken back"),
    Column("source", Text, nullable=False),
    Column("version", Text, comment="of the text he agreed to"),
    Column("proof", Text),
    Column("at", TIME, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Index(None, "origin", "id"),
    comment="What every identity said about purposes and channels; only added to",
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("profile_id", BigInteger, nullable=False),
    Column("origins", JSONB, nullable=False, comment="blind indexes once all is done"),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", TIME, nullable=False),
    Column("receipts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("verification", JSONB),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("finished_at", TIME),
    Column("lifted", JSONB, nullable=False, server_default=text("'[]'"), comment="when his ids were let in again"),
    Index("erasures_open", "id", postgresql_where="state <> 'finished'"),
    comment="Who asked to be forgotten, and what every service answered",
)

suppressed = Table(
    "suppressed",
    metadata,
    Column("blind", Text, primary_key=True, comment="blind index of an erased identity"),
    Column("erasure_id", BigInteger, nullable=False),
    Column("at", TIME, nullable=False),
    Column("dropped", BigInteger, nullable=False, server_default=text("0")),
    comment="Identities whose events are dropped for good",
)

birthdays = Table(
    "birthdays",
    metadata,
    Column("day", Date, primary_key=True),
    Column("told", BigInteger, comment="the last profile told on this day (UTC); null when all were"),
    comment="How far telling those who are a year older has come; one row",
)

retentions = Table(
    "retentions",
    metadata,
    Column("event", Text, primary_key=True, comment="event name, * for all that have no line of their own"),
    Column("days", Integer, nullable=False),
    Column("updated_at", TIME, nullable=False),
    comment="How long events are kept; without a line, for good",
)
