"""Who wants nothing chosen for him."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ARRAY, BigInteger, Boolean, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

_CHOOSE = text(
    """
    WITH told AS (
      SELECT * FROM unnest(:ids, :versions, :personal) AS t (profile_id, version, personal)
    ), changed AS (
      INSERT INTO choices AS c (profile_id, version, personal)
      SELECT * FROM told
      WHERE NOT personal OR EXISTS (SELECT FROM choices AS known WHERE known.profile_id = told.profile_id)
      ON CONFLICT (profile_id) DO UPDATE SET version = excluded.version, personal = excluded.personal
      WHERE c.version < excluded.version
      RETURNING profile_id
    )
    SELECT profile_id FROM changed
    """
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("versions", type_=ARRAY(BigInteger)),
    bindparam("personal", type_=ARRAY(Boolean)),
)


async def choose(session: AsyncSession, told: Mapping[int, tuple[int, bool]]) -> set[int]:
    """Take over version and choice by profile unless something later is known; whose choice may be another now."""
    ids = sorted(told)
    rows = await session.scalars(
        _CHOOSE, {"ids": ids, "versions": [told[one][0] for one in ids], "personal": [told[one][1] for one in ids]}
    )
    return set(rows)
