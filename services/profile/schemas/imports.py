"""Shapes of imports and of the bulk door."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from shared.schemas import Input, Instant, Output

Kind = Literal["text", "number", "boolean", "date", "list"]


class MappedColumn(Input):
    """What a column becomes: an id of a namespace, a trait, one tag, or the tags it names."""

    id: str | None = Field(None, pattern="^[a-z][a-z0-9_]{0,39}$", description="Namespace: user_id, phone, email …")
    trait: str | None = Field(None, min_length=1, max_length=200)
    tag: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Key of a tag (manual or imported): a cell of yes (是) gives it, so does a weight from 0 to 1",
    )
    tags: Literal[True] | None = Field(
        None, description="A cell names tags to give, by key or name, separated by comma, semicolon, | or 、"
    )
    type: Kind = Field("text", description="Of a trait")

    @model_validator(mode="after")
    def _one(self) -> MappedColumn:
        if sum(one is not None for one in (self.id, self.trait, self.tag, self.tags)) != 1:
            raise ValueError('give one of "id" (a namespace), "trait" (its name), "tag" (its key) and "tags" (true)')
        return self


class ImportOrder(Input):
    """How the columns are to be read; columns that are not named are left out."""

    mapping: dict[str, MappedColumn]
    dry_run: bool = Field(False, description="Only check: count, and list what is wrong line by line")


class Import(Output):
    """A file of viewers, and how far it is taken in."""

    id: int
    name: str
    format: str
    encoding: str | None
    delimiter: str | None
    columns: list[str]
    lines: int = Field(description="Lines below the header")
    state: str = Field(description="uploaded, checking, checked, running, finished, failed")
    mapping: dict[str, Any] | None = Field(description="The mapping of the last check or run, else a suggestion")
    counts: dict[str, int] = Field(
        description="Of the last check or run: good and bad lines, empty ones, those of erased viewers, who stay away; "
        "known and new viewers of the good ones"
    )
    done: int = Field(description="Lines of the last check or run looked at so far")
    job_id: int | None
    error: str | None
    by: str
    created_at: datetime
    sample: list[list[str]] = Field(default=[], description="The first lines; contact data is masked but for admins")


class BulkProfile(Input):
    """One viewer: his ids by namespace, and traits; null clears a trait."""

    ids: dict[str, str] = Field(description="At least one, like {'user_id': 'u1', 'email': 'a@example.com'}")
    traits: dict[str, Any] = Field(default_factory=dict)
    time: Instant | None = Field(None, description="When this was so; now by default")
    message_id: str | None = Field(
        None, min_length=1, max_length=200, description="A resend with the same id is left out"
    )


class Bulk(Input):
    """Viewers to be made or changed."""

    profiles: list[dict[str, Any]] = Field(min_length=1, max_length=1000)


class BulkItem(Output):
    """What became of one viewer of a bulk."""

    index: int
    profile_id: int | None


class BulkError(Output):
    """What is wrong with one viewer of a bulk."""

    index: int
    field: str
    message: str


class BulkDone(Output):
    """What became of a bulk: wrong items do not hold up the others."""

    accepted: int
    items: list[BulkItem]
    errors: list[BulkError]
