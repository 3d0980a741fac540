"""The first tables of campaign: campaigns, their contents, bus triggers, and one row per message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "campaign_0001"
down_revision = None
branch_labels = ("campaign",)
depends_on = None

TIME = TIMESTAMP(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("trigger_kind", sa.Text, nullable=False),
        sa.Column("trigger_name", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.PrimaryKeyConstraint("id", name="campaigns_pkey"),
        sa.UniqueConstraint("key", name="campaigns_key_key"),
        sa.CheckConstraint("state IN ('draft', 'running', 'paused', 'archived')", name=op.f("campaigns_state_check")),
        comment="What is sent when; the operator's own key names it",
    )
    op.create_index(
        "campaigns_listening",
        "campaigns",
        ["trigger_kind", "trigger_name"],
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "contents",
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("trigger_kind", sa.Text, nullable=False),
        sa.Column("trigger_name", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("html", sa.Text),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "version", name="contents_pkey"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="contents_campaign_id_fkey"),
        comment="Every version a campaign had: a planned message keeps the one it was planned with",
    )
    op.create_table(
        "triggers",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("recipients", sa.Integer, nullable=False),
        sa.Column("unresolved", JSONB, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="triggers_pkey"),
        sa.UniqueConstraint("name", "trigger_id", name="triggers_name_trigger_id_key"),
        sa.CheckConstraint("state IN ('waiting', 'planned', 'ignored', 'failed')", name=op.f("triggers_state_check")),
        comment="What other systems asked for over the bus; kept first, resolved to viewers afterwards",
    )
    op.create_index("triggers_listed", "triggers", ["name", "id"])
    op.create_index("triggers_due", "triggers", ["due_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("campaign_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("profile_id", sa.BigInteger, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claim", sa.Uuid),
        sa.Column("lease_until", TIME),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("event", JSONB),
        sa.Column("trigger", sa.BigInteger),
        sa.Column("planned_at", TIME, nullable=False),
        sa.Column("called_at", TIME),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name="messages_pkey"),
        sa.ForeignKeyConstraint(
            ["campaign_id", "version"],
            ["contents.campaign_id", "contents.version"],
            name="messages_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(["trigger"], ["triggers.id"], name="messages_trigger_fkey"),
        sa.UniqueConstraint("campaign_id", "step", "profile_id", "occasion", name="messages_once"),
        sa.CheckConstraint(
            "state IN ('planned', 'claimed', 'calling', 'accepted', 'failed', 'skipped', 'unknown')",
            name=op.f("messages_state_check"),
        ),
        comment="One row per campaign, step, viewer and occasion: the row is what makes a message be sent once",
        # A message changes its state four times: room in the page keeps some of those updates cheap.
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "messages_due",
        "messages",
        ["campaign_id", "due_at", "id"],
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index(
        "messages_leased",
        "messages",
        ["lease_until"],
        postgresql_where=sa.text("state IN ('claimed', 'calling')"),
    )
    op.create_index("messages_by_state", "messages", ["campaign_id", "state", "id"])
    op.create_index("messages_listed", "messages", ["campaign_id", "id"])
    op.create_index("messages_by_viewer", "messages", ["profile_id", "id"])


def downgrade() -> None:
    """Forget campaign."""
    for table in ("messages", "triggers", "contents", "campaigns"):
        op.drop_table(table)
