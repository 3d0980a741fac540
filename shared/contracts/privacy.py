"""Forgetting a viewer, and telling him everything: what profile asks of every service."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from shared.contracts.wire import Fact, Question


class ProfileErased(Fact, frozen=True, kw_only=True):
    """A viewer asked to be forgotten: whoever hears it deletes all that is known of this id and these origins.

    It is told in the partition of the id, after everything else that was told of it, and once for each id that had
    become part of the profile. Each service keeps a receipt, which it gives to `ErasureAsked`.
    """

    kind: ClassVar[str] = "profile.erased.v1"
    owner: ClassVar[str] = "profile"

    erasure_id: int
    profile_id: int
    origins: list[str]


class RetentionDefined(Fact, frozen=True, kw_only=True):
    """Events of this name are kept so many days after their own time, in every copy; without `days` as `*` says.

    `*` stands for every event without a line of its own. What has no line at all is kept for ever.
    """

    kind: ClassVar[str] = "retention.defined.v1"
    owner: ClassVar[str] = "profile"
    stream: ClassVar[str] = "THINGS"
    snapshot: ClassVar[bool] = True

    event: str
    days: int | None = None


class ErasureAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Ids this service has forgotten for an erasure, rows by table that it changed, rows that are left (0)."""

    profile_ids: list[int]
    rows: dict[str, int]
    left: dict[str, int]


class ErasureAsked(Question, frozen=True, kw_only=True):
    """How far is this erasure with you? Every service answers at `ask.<service>.erasure`."""

    subject: ClassVar[str] = "erasure"
    answer: ClassVar[type[msgspec.Struct]] = ErasureAnswered

    erasure_id: int
    profile_ids: list[int]
    origins: list[str]


class SweepAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by stream that were removed just now, and that still carry one of the words."""

    removed: dict[str, int]
    standing: dict[str, int]


class SweepAsked(Question, frozen=True, kw_only=True):
    """Overwrite the messages that carry one of these words and that all readers have passed."""

    subject: ClassVar[str] = "gateway.sweep"
    answer: ClassVar[type[msgspec.Struct]] = SweepAnswered

    words: list[str]


class PersonAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one table about a viewer; `next` where to go on, absent at the end of the last table."""

    table: str
    rows: list[dict[str, Any]]
    next: str | None = None


class PersonAsked(Question, frozen=True, kw_only=True):
    """Everything you know of this viewer, page by page. Every service answers at `ask.<service>.person`."""

    subject: ClassVar[str] = "person"
    answer: ClassVar[type[msgspec.Struct]] = PersonAnswered

    profile_ids: list[int]
    origins: list[str]
    after: str | None = None
