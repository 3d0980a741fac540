"""Tables of campaign: what to send, whom it was planned for, and what became of each message."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
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
    Column("submitted_at", TIME),
    Column("submitted_by", Text),
    Column("approved_at", TIME),
    Column("approved_by", Text),
    Column("note", Text),
    Column("started_by", Text),
    Column("finished_at", TIME),
    Column("ended_by", Text),
    # Of a manual campaign: when to plan (again), how far that is, what it waits for, and when everybody had his row.
    Column("plan_at", TIME),
    Column("plan_after", BigInteger),
    Column("plan_waits", Text),
    Column("planned_at", TIME),
    Column("planned", Integer),
    Column("unknown", Integer),
    # Messages are claimed no faster than `rate` per second: the next one after this instant.
    Column("rate", Double),
    Column("paced_until", TIME),
    Column("conversion_event", Text),
    # The reason with which messages that have not begun are being skipped, until none is left.
    Column("withdraw", Text),
    CheckConstraint(
        "state IN ('draft', 'submitted', 'approved', 'running', 'paused', 'finished', 'cancelled', 'archived')",
        name="state",
    ),
    Index("campaigns_listening", "trigger_kind", "trigger_name", postgresql_where="state = 'running'"),
    Index("campaigns_converting", "conversion_event", postgresql_where="conversion_event IS NOT NULL"),
    Index("campaigns_withdrawn", "id", postgresql_where="withdraw IS NOT NULL"),
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
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("missing", Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("link", Text),
    Column("variants", JSONB, nullable=False),
    Column("manners", JSONB, nullable=False),
    Column("listed", Integer),
    comment="Every version a campaign had: a planned message keeps the one it was planned with",
)

listed = Table(
    "listed",
    metadata,
    Column("campaign_id", BigInteger, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger),
    Column("origin", Text),
    ForeignKeyConstraint(["campaign_id", "version"], ["contents.campaign_id", "contents.version"]),
    Index("listed_viewers", "profile_id", postgresql_where="profile_id IS NOT NULL"),
    Index("listed_origins", "origin", postgresql_where="origin IS NOT NULL"),
    comment="Viewers a manual campaign names one by one, by profile id or by one of their ids",
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
    Column("variant", Text),
    Column("bounced_at", TIME),
    Column("opened_at", TIME),
    Column("machine_opened_at", TIME),
    Column("clicked_at", TIME),
    Column("converted_at", TIME),
    Column("value", Double),
    Column("unsubscribed_at", TIME),
    # A keyed hash of where it went: a bounce that comes later finds the address by it.
    Column("address", LargeBinary),
    Column("machine_clicked_at", TIME),
    ForeignKeyConstraint(["campaign_id", "version"], ["contents.campaign_id", "contents.version"]),
    # This key is the promise "once": the same fact, delivered again, finds its row.
    UniqueConstraint("campaign_id", "step", "profile_id", "occasion", name="messages_once"),
    CheckConstraint(
        "state IN ('planned', 'claimed', 'calling', 'accepted', 'failed', 'skipped', 'unknown', 'held')", name="state"
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

tallies = Table(
    "tallies",
    metadata,
    Column("campaign_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("n", BigInteger, nullable=False),
    Column("at", TIME, nullable=False),
    Index("tallies_of_campaign", "campaign_id", "at"),
    # Triggers of `messages` write it (migration 0005), so no statement can forget to.
    comment="Changes of how many messages of a campaign are in which state; their sum is how many are",
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

links = Table(
    "links",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("url", Text, nullable=False),
    # Whose it is, where the address was written for one viewer: it goes with him.
    Column("message_id", BigInteger),
    UniqueConstraint("campaign_id", "digest"),
    Index("links_of_message", "message_id", postgresql_where="message_id IS NOT NULL"),
    comment="Where tracked links lead: a link carries a number, so nobody can make it lead elsewhere",
)

clicks = Table(
    "clicks",
    metadata,
    Column("link_id", BigInteger, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("clicks", Integer, nullable=False),
    Column("first_at", TIME, nullable=False),
    comment="Who followed which link, and how often",
)

conversions = Table(
    "conversions",
    metadata,
    Column("campaign_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text, primary_key=True),
    Column("message_id", BigInteger, nullable=False, index=True),
    Column("at", TIME, nullable=False),
    Column("value", Double),
    comment="Events that a campaign was for, each counted once for the last message before it",
)

pressure = Table(
    "pressure",
    metadata,
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("times", ARRAY(TIME), nullable=False),
    comment="When a viewer was sent marketing lately: the row is locked by who reserves the next one",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", TIME, nullable=False),
    # The message that showed it, and the words it was refused with.
    Column("message_id", BigInteger),
    Column("said", Text),
    Index("suppressions_listed", "at", "channel", "digest"),
    comment="Addresses that were refused for good, as keyed hashes: nothing is sent there again",
)

parcels = Table(
    "parcels",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("message_id", BigInteger),
    Column("profile_id", BigInteger, index=True),
    Column("address", Text, nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("link", Text),
    Column("at", TIME, nullable=False),
    Index("parcels_listed", "channel", "id"),
    comment="What would have been sent on channels without a provider",
)

inbox = Table(
    "inbox",
    metadata,
    Column("message_id", BigInteger, ForeignKey("messages.id"), primary_key=True, autoincrement=False),
    Column("profile_id", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("link", Text),
    Column("at", TIME, nullable=False),
    Column("read_at", TIME),
    Index("inbox_of_viewer", "profile_id", "message_id"),
    comment="In-app messages; they stay until their viewer is forgotten",
)
