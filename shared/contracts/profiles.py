"""What profile tells about viewers. Contact data (addresses, numbers, device tokens) is never in a fact."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.wire import Fact, partition_of


class ProfileUpdated(Fact, frozen=True, kw_only=True):
    """The whole present state of a profile; a higher `version` replaces a lower one. `has` names reachable channels.

    `cause` is `merge` or `split` where identities came or went: then what is different is nobody's doing.

    Values of `traits` are JSON. A trait that was laid down is of one type: text, number, integer, boolean, date (text
    `YYYY-MM-DD`) or list (a JSON list of its values). A trait nobody laid down is told as it came: any of these, an
    instant as the text the sender wrote (RFC 3339 as a rule), or an object. None is null: a cleared trait is left out.
    `since` is when the present value was first said, by event time. Who is nothing but a program has `bot` true.

    `weights` and `tag_since` have a key for each of `tags`: how much it holds, from 0 to 1 (the highest where several
    identities have it), and since when (the earliest). A changed weight is told with a new version. Weights given by
    people are told exactly; those worked out from interests move in steps of 0.05, so not every event tells them anew.

    `consent_since` has a key for each of `consent`: when the answer it rests on was first given; for what holds because
    of another statement (a no to everything, an age under 14), when that was.
    """

    kind: ClassVar[str] = "profile.updated.v1"
    owner: ClassVar[str] = "profile"
    snapshot: ClassVar[bool] = True

    profile_id: int
    version: int
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    since: dict[str, datetime] = msgspec.field(default_factory=dict)
    tags: list[str] = msgspec.field(default_factory=list)
    weights: dict[str, float] = msgspec.field(default_factory=dict)
    tag_since: dict[str, datetime] = msgspec.field(default_factory=dict)
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    has: list[str] = msgspec.field(default_factory=list)
    consent: dict[str, bool] = msgspec.field(default_factory=dict)
    consent_since: dict[str, datetime] = msgspec.field(default_factory=dict)
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
