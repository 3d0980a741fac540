"""Shapes at the gateway's own admin door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from shared.schemas import Input, Output

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$", max_length=300, to_lower=True)]


class NewKey(Input):
    """A key to make. `origins` and `rate` (events per second) are for write keys, `role` is for secret keys."""

    kind: Literal["write", "secret"]
    name: str = Field(min_length=1, max_length=200)
    role: Literal["viewer", "operator", "admin"] | None = None
    origins: list[Origin] = Field(default_factory=list, max_length=100)
    rate: float | None = Field(None, gt=0, le=1_000_000)
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "secret":
            if self.role is None:
                raise ValueError("a secret key needs a role")
            if self.origins or self.rate is not None:
                raise ValueError("origins and rate are for write keys")
        elif self.role is not None:
            raise ValueError("a write key has no role")
        return self


class KeyShown(Output):
    """A key without its secret. A write key is public: `pk_` and its id."""

    id: str
    kind: Literal["write", "secret"]
    name: str
    role: str | None
    origins: list[str]
    rate: float | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyMade(KeyShown):
    """A new key with its whole text, which is shown this once."""

    key: str
