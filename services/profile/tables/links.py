"""How identities came together: namespaces, links with causes, merges and splits, vetoes and redirects."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from services.profile.tables.base import metadata
from shared.tables import TIME

namespaces = Table(
    "namespaces",
    metadata,
    Column("name", Text, primary_key=True),
    Column("priority", Integer, nullable=False, comment="of two profiles the one with the higher id survives a merge"),
    Column("most", Integer, nullable=False, comment="ids of this namespace that one viewer may have"),
    Column("merges_per_day", Integer, nullable=False, comment="merges through such an id into one profile in 24 h"),
    Column("shared", Boolean, nullable=False, comment="several people may use it: it never draws a stranger in"),
    Column("contact", Boolean, nullable=False, comment="its values are contact data: only their blind index is kept"),
    Column("blocked", ARRAY(Text), comment="values that are nobody's id; null: those that come with the code"),
    Column("updated_at", TIME),
    comment="Kinds of ids; a name that is not here is treated as `custom`",
)

links = Table(
    "links",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("one", Text, nullable=False),
    Column("other", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("last_at", TIME, nullable=False),
    CheckConstraint("state IN ('active', 'refused', 'vetoed')", name="state"),
    Index(None, "one", "other", unique=True),
    Index(None, "other"),
    comment="What was said of two identities being one viewer, the first cause, and what came of it; one < other",
)

moves = Table(
    "moves",
    metadata,
    Column("move", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("from_id", BigInteger, nullable=False),
    Column("into_id", BigInteger, nullable=False),
    Column("origins", ARRAY(Text), nullable=False),
    Column("one", Text, comment="the link that caused it; null where an operator did"),
    Column("other", Text),
    Column("message_id", Text),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False, comment="write key, or who asked for it"),
    Column("reason", Text),
    Column("at", TIME, nullable=False),
    CheckConstraint("kind IN ('merge', 'split')", name="kind"),
    Index(None, "into_id", "at"),
    Index(None, "from_id"),
    comment="Merges and splits in order",
)

vetoes = Table(
    "vetoes",
    metadata,
    Column("move", BigInteger, primary_key=True, autoincrement=False),
    Column("origin", Text, primary_key=True),
    Column("left", Boolean, nullable=False, comment="whether it is one of those that went"),
    Index(None, "origin"),
    comment="Two sides of a split: no call brings them together again",
)

redirects = Table(
    "redirects",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("into_id", BigInteger, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    comment="Profiles that became part of another one; a split can bring them back",
)
