"""Words that campaign's shapes are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints

TriggerKind = Literal["segment_entered", "segment_left", "event", "bus", "manual"]
Channel = Literal["email", "sms", "push", "inbox"]
CampaignState = Literal["draft", "submitted", "approved", "running", "paused", "finished", "cancelled", "archived"]
CampaignSort = Literal["key", "changed"]
MessageState = Literal["planned", "claimed", "calling", "accepted", "failed", "skipped", "unknown", "held"]
"""`held`: the viewer is in the hold-out; everything else was ready, and nothing was sent to him."""
TEMPLATE_LENGTH = 64 * 1024


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair cannot be stored") from None
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)]
Template = Annotated[str, StringConstraints(min_length=1, max_length=TEMPLATE_LENGTH), AfterValidator(_storable)]
ShortTemplate = Annotated[Template, StringConstraints(max_length=1000)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""An operator's handle, as it stands in paths."""
BusName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""What follows `triggers.` in the subject."""
Ref = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_storable)]
"""A profile id, or `namespace:value` as in `user_id:u1`."""
Wall = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day, `22:00`."""
