"""Shapes of identity at profile's HTTP doors: ids, links, merges and splits, namespaces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.schemas import Input, Output

Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why, in your own words; it is kept and shown")]
Ref = Annotated[
    str, Field(min_length=1, max_length=600, description="A profile id, or namespace:value like user_id:u1")
]
Origin = Annotated[str, Field(min_length=3, max_length=600, description="An id of the viewer: namespace:value")]


class KnownId(Output):
    """One id of a viewer. Contact ids are shown as their blind index, `email:~…`."""

    origin: str
    namespace: str
    value: str
    events: int
    first_seen: datetime
    last_seen: datetime


class LinkCause(Output):
    """The tracking call that first named both."""

    message_id: str
    type: str
    source: str
    at: datetime


class LinkOutput(Output):
    """Two ids that a call named together, and what came of it."""

    one: str
    other: str
    state: Literal["active", "refused", "vetoed"]
    reason: str | None = Field(description="veto, shared_device, uniqueness or limit; null where they are one viewer")
    cause: LinkCause
    times: int = Field(description="How many batches of calls named both")
    last_at: datetime
    explanation: str


class MoveOutput(Output):
    """A merge or a split."""

    move: int
    kind: Literal["merge", "split"]
    from_id: int
    into_id: int
    origins: list[str]
    link: list[str] | None = Field(description="The two ids whose link caused it; null where an operator did")
    message_id: str | None
    type: str
    source: str
    reason: str | None
    at: datetime
    explanation: str


class IdentityOutput(Output):
    """Why these ids are one viewer."""

    profile_id: int
    ids: list[KnownId]
    links: list[LinkOutput] = Field(description="Links that hold, the oldest first")
    refused: list[LinkOutput] = Field(description="Links that were refused or vetoed, the oldest first")
    history: list[MoveOutput] = Field(description="Merges and splits of this viewer, in order")
    formerly: list[int] = Field(description="Profile ids that became part of this one and still lead here")
    more: bool = Field(description="There are older links or merges: of each the last thousand are shown")


class SplitInput(Input):
    """Ids that belong to somebody else."""

    origins: list[Origin] = Field(min_length=1, max_length=500)
    reason: Reason


class MergeInput(Input):
    """Two profiles that are one viewer."""

    from_: Ref = Field(alias="from", description="The profile that ends")
    into: Ref = Field(description="The profile that stays")
    reason: Reason


class MoveResult(Output):
    """What a merge or a split did, or would do."""

    dry_run: bool
    kind: Literal["merge", "split"]
    from_id: int
    into_id: int | None = Field(description="null in a dry run of a split whose ids would get a new profile")
    origins: list[str]
    events: int = Field(description="Events that go along")
    stays: list[str] = Field(description="Ids of the profile that are not concerned")
    move: int | None = Field(description="The number of the merge or split; null in a dry run")
    vetoes_lifted: bool = Field(default=False, description="Whether an earlier split of these two is taken back")


class NamespaceInput(Input):
    """How ids of one kind are treated."""

    priority: int = Field(ge=0, le=1000, description="Of two profiles the one with the higher id survives a merge")
    most: int = Field(ge=1, le=500, description="Ids of this kind one viewer may have; 1 means they tell people apart")
    merges_per_day: int = Field(ge=0, le=10_000, description="Merges through such ids into one profile in 24 hours")
    shared: bool = Field(False, description="Several people may use it: it never draws a stranger in")
    contact: bool | None = Field(
        None,
        description="The values are contact data (a number, an address, an account at a messenger): only a blind index "
        "of each is kept. Fixed once there are such ids; email and phone always are. If absent, it stays as it is",
    )
    blocked: list[Annotated[str, StringConstraints(max_length=512)]] | None = Field(
        None,
        max_length=1000,
        description="Values that are nobody's id, in whatever case: they are left out of calls. If absent, the common "
        "ones: null, undefined, anonymous, unknown, nan and the like, 0 (but for user_id) and all zeros",
    )


class NamespaceOutput(Output):
    """How ids of one kind are treated."""

    name: str
    priority: int
    most: int
    merges_per_day: int
    shared: bool
    blocked: list[str] | None = Field(description="Values that are nobody's id; null: the common ones")
    contact: bool = Field(description="Contact data: only a blind index of its values is kept as an id")
    updated_at: datetime | None = Field(description="null: as it was delivered")
