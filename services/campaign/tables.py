"""Tables of campaign: what to send, whom it was planned for, and what became of each message."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import NAMING, TIME

metadata = MetaData(naming_convention=NAMING)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_name", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("started_at", TIME),
    CheckConstraint("state IN ('draft', 'running', 'paused', 'archived')", name="state"),
    Index("campaigns_listening", "trigger_kind", "trigger_name", postgresql_where="state = 'running'"),
    comment="What is sent when; the operator's own key names it",
)

contents = Table(
    "contents",
    metadata,
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_name", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("missing", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    comment="Every version a campaign had: a planned message keeps the one it was planned with",
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("trigger_id", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("at", TIME, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("recipients", Integer, nullable=False),
    Column("unresolved", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("finished_at", TIME),
    UniqueConstraint("name", "trigger_id"),
    CheckConstraint("state IN ('waiting', 'planned', 'ignored', 'failed')", name="state"),
    Index("triggers_listed", "name", "id"),
    Index("triggers_due", "due_at", postgresql_where="state = 'waiting'"),
    comment="What other systems asked for over the bus; kept first, resolved to viewers afterwards",
)

messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("campaign_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("attempts", Integer, nullable=False),
    Column("claim", Uuid),
    Column("lease_until", TIME),
    Column("due_at", TIME, nullable=False),
    Column("event", JSONB),
    Column("trigger", BigInteger, ForeignKey("triggers.id")),
    Column("planned_at", TIME, nullable=False),
    Column("called_at", TIME),
    Column("finished_at", TIME),
    Column("planned_for", BigInteger, nullable=False),
    Column("origin", Text),
    ForeignKeyConstraint(["campaign_id", "version"], ["contents.campaign_id", "contents.version"]),
    # This key is the promise "once": the same fact, delivered again, finds its row.
    UniqueConstraint("campaign_id", "step", "profile_id", "occasion", name="messages_once"),
    CheckConstraint(
        "state IN ('planned', 'claimed', 'calling', 'accepted', 'failed', 'skipped', 'unknown')", name="state"
    ),
    Index("messages_due", "campaign_id", "due_at", "id", postgresql_where="state = 'planned'"),
    Index("messages_leased", "lease_until", postgresql_where="state IN ('claimed', 'calling')"),
    Index("messages_by_state", "campaign_id", "state", "id"),
    Index("messages_listed", "campaign_id", "id"),
    Index("messages_planned_for", "planned_for"),
    Index("messages_origin", "origin", postgresql_where="origin IS NOT NULL"),
    Index("messages_by_viewer", "profile_id", "id"),
    comment="One row per campaign, step, viewer and occasion: the row is what makes a message be sent once",
)

homes = Table(
    "homes",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("profile_id", BigInteger, nullable=False),
    Column("move", BigInteger, nullable=False),
    comment="Where each origin is since its last merge or split; origins that never moved are not here",
)

redirects = Table(
    "redirects",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("into_id", BigInteger, index=True),
    Column("move", BigInteger, nullable=False),
    comment="Profiles that became part of another one; into_id is null once a split brought them back",
)
