"""Viewers as operators name them: by profile id, or by one of their ids."""

from __future__ import annotations

from services.campaign.rules import addresses
from shared.errors import Invalid

_LAST_ID = 2**63 - 1


class BadRef(Invalid):
    """Not a way to name a viewer"""


CONTACTS = ("email", "phone")
"""Namespaces whose values are contact data."""


def shown(profile_id: int | None, origin: str | None) -> str:
    """How a viewer was named, as everybody who reads campaigns may see it."""
    namespace, _, value = (origin or "").partition(":")
    if namespace in CONTACTS:
        return f"{namespace}:{addresses.masked(value)}"
    return origin or str(profile_id)


def viewer(ref: str, place: int | None = None, *, field: str = "trigger.manual.list") -> tuple[int | None, str | None]:
    """(profile id, None) or (None, `namespace:value`). Raises BadRef."""
    if ref.isascii() and ref.isdigit() and 1 <= int(ref) <= _LAST_ID:
        return int(ref), None
    namespace, colon, value = ref.partition(":")
    if colon and namespace and value and len(ref) <= 500:
        return None, ref
    where = field if place is None else f"{field}[{place}]"
    raise BadRef(f"{ref!r:.100} is neither a profile id nor namespace:value, like user_id:u1", field=where)
