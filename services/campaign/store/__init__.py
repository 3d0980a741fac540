"""Every SQL statement of campaign."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Row

Record: TypeAlias = Row[*tuple[Any, ...]]
"""A row as the store brings it, for those who must not know SQLAlchemy."""
