"""Who is meant by a record, by our names for ids.

`is_login_id`, `login_id` and `$identity_login_id` are a user id; any other `distinct_id` is an anonymous id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.rules.events import Refused
from gateway.rules.sensors import fields

_IDS = {"$identity_mobile": "phone", "$identity_email": "email"}

_ANONYMOUS = (
    "$identity_cookie_id",
    "$identity_anonymous_id",
    "$identity_distinct_id",
    "$identity_android_id",
    "$identity_idfv",
    "$identity_mp_id",
    "$identity_harmony_id",
)

_LOGIN = "$identity_login_id"

IS_LOGIN = "$is_login_id"
"""Preset property that says whether the distinct id is a user id."""


class Who(msgspec.Struct):
    """Ids of a record, by our names."""

    user_id: str | None
    anonymous_id: str | None
    external: list[dict[str, str]]

    @property
    def other(self) -> str | None:
        """An id to choose a partition by, where there is none of the others."""
        return self.external[0]["id"] if self.external else None


def who(record: Mapping[str, Any], said: Mapping[str, Any]) -> Who:
    """Who is meant by a record with these properties. Raises Refused where nobody is."""
    distinct = fields.text(record.get("distinct_id"), "distinct_id")
    login = fields.text(record.get("login_id"), "login_id")
    anonymous = fields.text(record.get("anonymous_id"), "anonymous_id")
    named = record.get("identities")
    identities = named if isinstance(named, dict) else {}
    login = login or fields.text(identities.get(_LOGIN), f"identities.{_LOGIN}")
    for name in _ANONYMOUS:
        anonymous = anonymous or fields.text(identities.get(name), f"identities.{name}")
    external = [
        {"id": str(value), "type": _namespace(name)}
        for name, value in identities.items()
        if name != _LOGIN and name not in _ANONYMOUS and isinstance(value, str | int) and value != ""
    ]
    if record.get("type") == "track_signup" or said.get(IS_LOGIN) is True:
        login = login or distinct
    elif distinct and distinct != login and not anonymous and not (external and _is_any(identities, distinct)):
        anonymous = distinct
    if not login and not anonymous and not external:
        raise Refused(400, "missing_id", "distinct_id is required", field="distinct_id")
    return Who(login, anonymous, external)


def _is_any(identities: Mapping[str, Any], distinct: str) -> bool:
    """Whether the distinct id only repeats one of the identities (SDKs write it as `name+value`)."""
    return any(distinct in (str(value), f"{name}+{value}") for name, value in identities.items())


def _namespace(name: str) -> str:
    if name in _IDS:
        return _IDS[name]
    plain = name.removeprefix("$identity_").strip("$").lower()
    for kind in ("unionid", "openid"):
        if plain.endswith(kind):
            return f"wechat_{kind}"
    return plain or "custom"
