"""Shapes at the gateway's own admin door."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from gateway.rules.operators import LONGEST_PASSWORD, LONGEST_PREFERENCES, login
from shared.schemas import Input, Instant, Output

Role = Literal["viewer", "operator", "approver", "admin"]

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$", max_length=300, to_lower=True)]


class NewKey(Input):
    """A key to make. `origins` and `rate` (events per second) are for write keys, `role` is for secret keys."""

    kind: Literal["write", "secret"]
    name: str = Field(min_length=1, max_length=200)
    role: Role | None = None
    origins: list[Origin] = Field(default_factory=list, max_length=100)
    rate: float | None = Field(None, gt=0, le=1_000_000)
    expires_at: Instant | None = None

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


class SignIn(Input):
    """Who wants to sign in."""

    login: str = Field(min_length=1, max_length=200, description="E-mail address or name of the account")
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class OperatorShown(Output):
    """A person with an account."""

    id: str
    login: str
    name: str
    role: Role
    active: bool
    must_change: bool = Field(description="The password is a one-time one: it lets in only to set another")
    preferences: dict[str, Any] = Field(description="What the console keeps for him: language, zone, columns …")
    created_at: datetime
    last_seen_at: datetime | None


class SessionShown(Output):
    """The session of this call."""

    operator: OperatorShown
    permissions: list[str] = Field(description="What the role may do; `*` is everything")
    created_at: datetime
    expires_at: datetime


class SessionMade(Output):
    """A new session with its token, which is shown this once: `Authorization: Bearer ses_…`."""

    token: str
    expires_at: datetime
    operator: OperatorShown


Login = Annotated[str, StringConstraints(pattern=r"^[^\s]+$", min_length=2, max_length=200)]


class NewOperator(Input):
    """An account to make; it begins with a one-time password that the answer shows."""

    login: Login = Field(description="E-mail address or short name, without spaces; letters' case does not count")
    name: str = Field(min_length=1, max_length=200)
    role: Role

    @field_validator("login")
    @classmethod
    def _one_spelling(cls, given: str) -> str:
        return login(given)


class OperatorMade(OperatorShown):
    """An account with its new one-time password, which is shown this once."""

    password: str


class OperatorChange(Input):
    """What an admin may change of an account; only the fields given are changed."""

    name: str | None = Field(None, min_length=1, max_length=200)
    role: Role | None = None
    active: bool | None = Field(None, description="An account that is not active has no sessions and opens none")


class OwnChange(Input):
    """What an operator may change of his own account. Preferences given replace those of the same name; null drops."""

    name: str | None = Field(None, min_length=1, max_length=200)
    preferences: dict[str, Any] = Field(default_factory=dict, max_length=100)

    @field_validator("preferences")
    @classmethod
    def _small(cls, given: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(given)) > LONGEST_PREFERENCES:
            raise ValueError(f"may have {LONGEST_PREFERENCES} characters as JSON")
        return given


class PasswordChange(Input):
    """The password as it is, and as it shall be."""

    old: str = Field(min_length=1, max_length=LONGEST_PASSWORD)
    new: str = Field(min_length=1, max_length=LONGEST_PASSWORD, description="At least 10 characters, not the login")
