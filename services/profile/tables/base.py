"""Where every table of profile is registered."""

from __future__ import annotations

from sqlalchemy import MetaData

from shared.tables import NAMING

metadata = MetaData(naming_convention=NAMING)
