"""Files people brought, line by line, and what was wrong with them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.profile.tables.base import metadata
from shared.tables import TIME

imports = Table(
    "imports",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False, comment="csv or xlsx"),
    Column("encoding", Text),
    Column("delimiter", Text),
    Column("columns", JSONB, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="uploaded, checking, checked, running, finished"),
    Column("mapping", JSONB),
    Column("counts", JSONB, nullable=False, comment="of the last check or run"),
    Column("job_id", BigInteger),
    Column("by", Text, nullable=False, comment="the key that brought it"),
    Column("created_at", TIME, nullable=False),
    comment="Files of viewers; their lines are dropped when they are taken in, or after seven days",
)

import_lines = Table(
    "import_lines",
    metadata,
    Column("import_id", BigInteger, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("first", Integer, primary_key=True, comment="line number of the first; the header is line 1"),
    Column("lines", Text, nullable=False, comment="cells as text, line by line, sealed"),
    comment="The lines of a file, some hundred in a row: every replica can go on with it",
)

import_errors = Table(
    "import_errors",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("import_id", BigInteger, ForeignKey("imports.id", ondelete="CASCADE"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("column", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("import_errors_import_id", "import_id", "id"),
    comment="Lines that could not be taken in, and why",
)
