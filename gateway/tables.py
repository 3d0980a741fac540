"""Tables of the gateway."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text),
    Column("digest", LargeBinary),
    Column("origins", ARRAY(Text), nullable=False),
    Column("rate", Float),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME),
    Column("revoked_at", TIME),
    Column("last_used_at", TIME),
    CheckConstraint("kind IN ('write', 'secret')", name="kind"),
    CheckConstraint("(kind = 'secret') = (digest IS NOT NULL AND role IS NOT NULL)", name="proof"),
    comment="Write keys (public) and secret keys (only their SHA-256); a revoked one stays as a record",
)

operators = Table(
    "operators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("preferences", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("created_at", TIME, nullable=False),
    Column("last_seen_at", TIME),
    CheckConstraint("role IN ('viewer', 'operator', 'approver', 'admin')", name="role"),
    comment="People with an account; the password as argon2id says it. Nobody is deleted: the audit log names them",
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("operator_id", Text, ForeignKey("operators.id"), nullable=False, index=True),
    Column("created_at", TIME, nullable=False),
    Column("used_at", TIME, nullable=False),
    comment="Who is signed in: SHA-256 of the token",
)

sign_in_tries = Table(
    "sign_in_tries",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("account", LargeBinary, nullable=False),
    Column("address", LargeBinary, nullable=False),
    Column("at", TIME, nullable=False),
    Index("sign_in_tries_account", "account", "at"),
    Index("sign_in_tries_address", "address", "at"),
    comment="Sign-ins that were not right, or are under way; account and address as keyed hashes",
)

readers = Table(
    "readers",
    metadata,
    Column("service", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("created", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("at", TIME, nullable=False),
    comment="How far each service has read each stream, as it reported; the trimmer purges behind the slowest",
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("objects", ARRAY(Text), nullable=False),
    Column("reason", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("audit_objects", "objects", postgresql_using="gin"),
    comment="Who saw or did what; each line carries a proof over itself and the one before",
)
