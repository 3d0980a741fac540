"""What an event says about who its viewer is."""

from __future__ import annotations

import re
from typing import NamedTuple

USER = "user_id"
ANONYMOUS = "anonymous_id"
NAMESPACES = (USER, ANONYMOUS, "device_id", "wechat_openid", "shop_id", "email", "phone")
"""Where an id is looked for that comes without its namespace."""

_NAMESPACE = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Claim(NamedTuple):
    """What one event says about its viewer: origins `namespace:value`. Without a user there is at least one other.

    `joins`: it says that all of them are one viewer (identify, alias), not just that they were seen together.
    `also` is what the first of the others may be instead: an alias names a former id, not which kind of id that was.
    """

    user: str | None
    others: tuple[str, ...]
    joins: bool = False
    also: str | None = None

    @property
    def origin(self) -> str:
        """The identity the event came with: the user's, else the anonymous one."""
        return self.user or self.others[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every identity it names."""
        others = self.others if self.also is None else (*self.others, self.also)
        return others if self.user is None else (self.user, *others)


def origin(namespace: str, value: str) -> str:
    """The identity as one word, `user_id:u1`."""
    return f"{namespace}:{value}"


def parts(origin: str) -> tuple[str, str]:
    """Namespace and value of an origin; the value may hold colons of its own."""
    namespace, _, value = origin.partition(":")
    return namespace, value


def reference(ref: str) -> int | str | None:
    """A ref as profile id or origin; None when it is neither."""
    if ref.isascii() and ref.isdigit():
        profile_id = int(ref)
        return profile_id if 0 < profile_id < 2**32 else None
    namespace, value = parts(ref)
    return ref if _NAMESPACE.fullmatch(namespace) and value and "\0" not in ref else None
