"""What the planning of a manual campaign waits for; who started and who ended a campaign."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "campaign_0004"
down_revision = "campaign_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three columns."""
    for name in ("plan_waits", "started_by", "ended_by"):
        op.add_column("campaigns", sa.Column(name, sa.Text))
