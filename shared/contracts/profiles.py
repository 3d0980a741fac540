"""What profile tells about viewers. Contact data (addresses, numbers, device tokens) is never in a fact."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.wire import Fact, partition_of


class ProfileUpdated(Fact, frozen=True, kw_only=True):
    """The whole present state of a profile; a higher `version` replaces a lower one. `has` names reachable channels.

    `cause` is `merge` or `split` where identities came or went: then what is different is nobody's doing.
    """

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
    cause: Literal["rule", "merge", "split"] = "rule"


class IdentityLinked(Fact, frozen=True, kw_only=True):
    """A non-contact id now belongs to a profile, so that other services can resolve it.

    `move` numbers the merge or split that brought it there, 0 for none: of two facts about one id the higher counts,
    since they come in the partitions of different profiles.
    """

    kind: ClassVar[str] = "identity.linked.v1"
    owner: ClassVar[str] = "profile"
    snapshot: ClassVar[bool] = True

    profile_id: int
    namespace: str
    value: str
    move: int = 0


class _Moved(Fact, frozen=True, kw_only=True):
    """Origins that went from one profile to another; told in the partition of the profile they left.

    All that was told of them under the old id has been read before. `move` rises with every merge and split: of two
    facts about one origin the higher says where it is, whichever is read first.
    """

    owner: ClassVar[str] = "profile"

    from_id: int
    into_id: int
    origins: list[str]
    move: int
    at: datetime

    @property
    def part(self) -> int:
        """The partition of the profile they left."""
        return partition_of(self.from_id)


class ProfileMerged(_Moved, frozen=True, kw_only=True):
    """Two profiles are one viewer: `from_id` is gone, whatever was its belongs to `into_id`."""

    kind: ClassVar[str] = "profile.merged.v1"


class ProfileSplit(_Moved, frozen=True, kw_only=True):
    """These origins are another viewer: they left `from_id`, which stays, for `into_id`, which may have been gone."""

    kind: ClassVar[str] = "profile.split.v1"
