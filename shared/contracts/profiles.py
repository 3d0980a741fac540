"""What profile tells about viewers. Contact data (addresses, numbers, device tokens) is never in a fact."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from shared.contracts.wire import Fact


class ProfileUpdated(Fact, frozen=True, kw_only=True):
    """The whole present state of a profile; a higher `version` replaces a lower one. `has` names reachable channels."""

    kind: ClassVar[str] = "profile.updated.v1"
    owner: ClassVar[str] = "profile"
    snapshot: ClassVar[bool] = True

    profile_id: int
    version: int
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    since: dict[str, datetime] = msgspec.field(default_factory=dict)
    tags: list[str] = msgspec.field(default_factory=list)
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    has: list[str] = msgspec.field(default_factory=list)
    consent: dict[str, bool] = msgspec.field(default_factory=dict)


class IdentityLinked(Fact, frozen=True, kw_only=True):
    """A non-contact id now belongs to a profile, so that other services can resolve it."""

    kind: ClassVar[str] = "identity.linked.v1"
    owner: ClassVar[str] = "profile"
    snapshot: ClassVar[bool] = True

    profile_id: int
    namespace: str
    value: str
