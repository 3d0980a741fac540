"""Alembic's environment, the same for every service."""

from alembic import context

from shared import migrations

migrations.run(context, context.config)
