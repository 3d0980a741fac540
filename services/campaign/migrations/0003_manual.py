"""Manual campaigns: approval, audiences, variants, manners, tracking, conversions, in-app messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "campaign_0003"
down_revision = "campaign_0002"
branch_labels = None
depends_on = None

TIME = TIMESTAMP(timezone=True)
CAMPAIGN_STATES = "'draft', 'submitted', 'approved', 'running', 'paused', 'finished', 'cancelled', 'archived'"
MESSAGE_STATES = "'planned', 'claimed', 'calling', 'accepted', 'failed', 'skipped', 'unknown', 'held'"


def upgrade() -> None:
    """New columns first, then new tables."""
    _campaigns()
    _messages()
    _proof()
    _manners()


def _campaigns() -> None:
    for name, kind in (
        ("submitted_at", TIME),
        ("submitted_by", sa.Text),
        ("approved_at", TIME),
        ("approved_by", sa.Text),
        ("note", sa.Text),
        ("finished_at", TIME),
        ("plan_at", TIME),
        ("plan_after", sa.BigInteger),
        ("planned_at", TIME),
        ("planned", sa.Integer),
        ("unknown", sa.Integer),
        ("rate", sa.Double),
        ("paced_until", TIME),
        ("conversion_event", sa.Text),
    ):
        op.add_column("campaigns", sa.Column(name, kind))
    op.drop_constraint(op.f("campaigns_state_check"), "campaigns")
    op.create_check_constraint(op.f("campaigns_state_check"), "campaigns", f"state IN ({CAMPAIGN_STATES})")
    op.create_index(
        "campaigns_converting",
        "campaigns",
        ["conversion_event"],
        postgresql_where=sa.text("conversion_event IS NOT NULL"),
    )
    op.alter_column("contents", "subject", nullable=True)
    op.add_column("contents", sa.Column("link", sa.Text))
    for name, empty in (("variants", "[]"), ("manners", "{}")):
        op.add_column("contents", sa.Column(name, JSONB, nullable=False, server_default=sa.text(f"'{empty}'")))
        op.alter_column("contents", name, server_default=None)
    op.add_column("contents", sa.Column("listed", sa.Integer))
    op.create_table(
        "listed",
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger),
        sa.Column("origin", sa.Text),
        sa.PrimaryKeyConstraint("campaign_id", "version", "place", name="listed_pkey"),
        sa.ForeignKeyConstraint(
            ["campaign_id", "version"],
            ["contents.campaign_id", "contents.version"],
            name="listed_campaign_id_version_fkey",
        ),
        comment="Viewers a manual campaign names one by one, by profile id or by one of their ids",
    )
    for index, column in (("listed_viewers", "profile_id"), ("listed_origins", "origin")):
        op.create_index(index, "listed", [column], postgresql_where=sa.text(f"{column} IS NOT NULL"))


def _messages() -> None:
    op.add_column("messages", sa.Column("variant", sa.Text))
    for name in ("bounced_at", "opened_at", "machine_opened_at", "clicked_at", "converted_at"):
        op.add_column("messages", sa.Column(name, TIME))
    op.add_column("messages", sa.Column("value", sa.Double))
    op.add_column("messages", sa.Column("unsubscribed_at", TIME))
    op.drop_constraint(op.f("messages_state_check"), "messages")
    op.create_check_constraint(op.f("messages_state_check"), "messages", f"state IN ({MESSAGE_STATES})")


def _proof() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="links_pkey"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="links_campaign_id_fkey"),
        sa.UniqueConstraint("campaign_id", "digest", name="links_campaign_id_digest_key"),
        comment="Where tracked links lead: a link carries a number, so nobody can make it lead elsewhere",
    )
    op.create_table(
        "clicks",
        sa.Column("link_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("clicks", sa.Integer, nullable=False),
        sa.Column("first_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("link_id", "message_id", name="clicks_pkey"),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="clicks_link_id_fkey"),
        comment="Who followed which link, and how often",
    )
    op.create_table(
        "conversions",
        sa.Column("campaign_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("value", sa.Double),
        sa.PrimaryKeyConstraint("campaign_id", "event_id", name="conversions_pkey"),
        comment="Events that a campaign was for, each counted once for the last message before it",
    )
    op.create_index("conversions_message_id", "conversions", ["message_id"])


def _manners() -> None:
    op.create_table(
        "pressure",
        sa.Column("profile_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("times", sa.ARRAY(TIME), nullable=False),
        sa.PrimaryKeyConstraint("profile_id", name="pressure_pkey"),
        comment="When a viewer was sent marketing lately: the row is locked by who reserves the next one",
    )
    op.create_table(
        "suppressions",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("channel", "digest", name="suppressions_pkey"),
        comment="Addresses that were refused for good, as keyed hashes: nothing is sent there again",
    )
    op.create_table(
        "parcels",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("profile_id", sa.BigInteger),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("html", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="parcels_pkey"),
        sa.UniqueConstraint("key", name="parcels_key_key"),
        comment="What would have been sent on channels without a provider",
    )
    op.create_index("parcels_profile_id", "parcels", ["profile_id"])
    op.create_index("parcels_listed", "parcels", ["channel", "id"])
    op.create_table(
        "inbox",
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("at", TIME, nullable=False),
        sa.Column("read_at", TIME),
        sa.PrimaryKeyConstraint("message_id", name="inbox_pkey"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="inbox_message_id_fkey"),
        comment="In-app messages; they stay until their viewer is forgotten",
    )
    op.create_index("inbox_of_viewer", "inbox", ["profile_id", "message_id"])
