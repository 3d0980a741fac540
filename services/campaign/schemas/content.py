"""What a campaign says: templates, and variants of them by segment or tag."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from services.campaign.schemas.words import Key, Line, ShortTemplate, Template
from shared.schemas import Input, Output

VARIANTS = 20


class Texts(Input):
    """The templates of one message. SMS has a body only; push and inbox have no html."""

    subject: ShortTemplate | None = Field(None, description="Of an e-mail; the title of a push or in-app message")
    body: Template
    html: Template | None = Field(
        None,
        description="Of an e-mail, or MJML (`<mjml>…`) that becomes it; its links and its opening are counted."
        " Without it an e-mail that is tracked gets HTML that looks like its body",
    )
    link: ShortTemplate | None = Field(None, description="Where a push or in-app message leads")


class When(Input):
    """Who gets a variant: members of a segment, or who has a tag; exactly one of the two."""

    segment: Key | None = None
    tag: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one(self) -> When:
        if (self.segment is None) == (self.tag is None):
            raise ValueError("give exactly one of segment, tag")
        return self


class Variant(Texts):
    """Other templates for some viewers. The first variant that fits a viewer at the moment of sending is his."""

    name: Line | None = Field(None, description="In reports; `segment:<key>` or `tag:<key>` when absent")
    when: When

    @property
    def label(self) -> str:
        """Its name in reports."""
        return self.name or (f"segment:{self.when.segment}" if self.when.segment else f"tag:{self.when.tag}")


class Content(Texts):
    """Liquid templates. They know `profile.traits`, `campaign` and, by trigger, `segment`, `event` or `trigger`.

    What viewers write (comments, danmaku, messages) and contact data never come here: `event.properties` is without
    them, and a template that shows them shows a missing value.
    """

    missing: Literal["blank", "skip"] = "blank"
    """What a value that somebody lacks does: it is left blank, or he gets no message (its reason names the value)."""
    variants: list[Variant] = Field(default_factory=list, max_length=VARIANTS, description="By priority, first wins")

    @model_validator(mode="after")
    def _distinct(self) -> Content:
        labels = [one.label for one in self.variants]
        if len(set(labels)) < len(labels) or "default" in labels:
            raise ValueError("variants need different names, none of them 'default'")
        return self


class WhenShown(Output):
    """Who gets a variant."""

    segment: str | None = None
    tag: str | None = None


class VariantShown(Output):
    """One variant."""

    name: str
    when: WhenShown
    subject: str | None = None
    body: str
    html: str | None = None
    link: str | None = None


class ContentShown(Output):
    """The templates of the present version."""

    subject: str | None
    body: str
    html: str | None
    link: str | None
    missing: str
    variants: list[VariantShown]
