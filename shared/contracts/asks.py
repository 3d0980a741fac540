"""Questions one service may ask another over NATS, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from shared.contracts.wire import Question


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where one consented viewer is reached, with the traits a template may show, and his tags.

    `zone` is where his clock is, by IANA name or offset: his trait `timezone`, else what his last events said.
    """

    profile_id: int
    address: str
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    tags: list[str] = msgspec.field(default_factory=list)
    zone: str | None = None


class ContactsAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The consented among those asked for; whoever is missing must not be contacted.

    `refused` gives the reason (`no_address`, `no_consent`, `unknown_profile`) for each id that is not in `contacts`.
    """

    contacts: list[Contact]
    refused: dict[int, str] = msgspec.field(default_factory=dict)


class ContactsAsked(Question, frozen=True, kw_only=True):
    """Addresses of at most 500 viewers for one channel and purpose, asked at the moment of sending.

    Channels are `email`, `sms` (or `phone`), `push`, and `inbox`, where everybody is reached.

    `targeted` says that they were chosen by what they did: who switched personalisation off is refused.
    """

    subject: ClassVar[str] = "profile.contacts"
    answer: ClassVar[type[msgspec.Struct]] = ContactsAnswered

    profile_ids: list[int]
    channel: str
    purpose: str = "marketing"
    targeted: bool = False


class ConsentNoted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is such a viewer: then it is written down."""

    known: bool


class ConsentSaid(Question, frozen=True, kw_only=True):
    """A viewer said yes or no to a purpose, by a link in a message; `proof` says which."""

    subject: ClassVar[str] = "profile.consent"
    answer: ClassVar[type[msgspec.Struct]] = ConsentNoted

    profile_id: int
    purpose: str
    granted: bool
    source: str
    proof: str


class ResolveAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Profile id of each ref that is known; unknown refs are left out."""

    profile_ids: dict[str, int]


class ResolveAsked(Question, frozen=True, kw_only=True):
    """Which profiles are these? A ref is `namespace:value`."""

    subject: ClassVar[str] = "profile.resolve"
    answer: ClassVar[type[msgspec.Struct]] = ResolveAnswered

    refs: list[str]


class CreativeShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the front-end draws."""

    key: str
    content: dict[str, Any]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One slot of one placement.

    `reason` is `segment:<key>`, `everyone`, `no_match`, `unknown_placement` or `unavailable`.
    """

    placement: str
    creative: CreativeShown | None
    reason: str
    token: str | None = None
    click_url: str | None = None
    impression_url: str | None = None


class DecideAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions in the order of the placements asked for."""

    decisions: list[Decision]


class DecideAsked(Question, frozen=True, kw_only=True):
    """Which creative does this visitor see on each placement?"""

    subject: ClassVar[str] = "recommend.decide"
    answer: ClassVar[type[msgspec.Struct]] = DecideAnswered

    placements: list[str]
    user_id: str | None = None
    anonymous_id: str | None = None
    context: dict[str, Any] = msgspec.field(default_factory=dict)


class Recommended(msgspec.Struct, frozen=True, kw_only=True):
    """One item with its score (higher is better; comparable within one answer only) and its reason."""

    item_id: str
    kind: str
    title: str
    score: float
    reason: str
    properties: dict[str, Any] = msgspec.field(default_factory=dict)


class RecommendAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Items, best first."""

    items: list[Recommended]


class RecommendAsked(Question, frozen=True, kw_only=True):
    """Which items next for this viewer? `item` is what he watches now."""

    subject: ClassVar[str] = "recommend.items"
    answer: ClassVar[type[msgspec.Struct]] = RecommendAnswered

    user_id: str | None = None
    anonymous_id: str | None = None
    kind: str | None = None
    limit: int = 20
    item: str | None = None


class SnapshotPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the owner's present state as encoded facts.

    `numbers` are the owner's last message numbers by partition when the page was read: facts numbered up to those of
    the first page are in the snapshot. `next` is the cursor of the next page, absent on the last.
    """

    items: msgspec.Raw
    numbers: dict[int, int]
    next: str | None = None


class SnapshotAsked(Question, frozen=True, kw_only=True):
    """A page of the state behind facts of `kind`; the subject is completed with the owner's name."""

    subject: ClassVar[str] = "snapshot"
    answer: ClassVar[type[msgspec.Struct]] = SnapshotPage

    kind: str
    after: str | None = None


class TakenInAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The moment up to which a service has taken in all that came, and told all that follows from it."""

    at: datetime


class TakenInAsked(Question, frozen=True, kw_only=True):
    """How far a service has read; the subject is completed with its name."""

    subject: ClassVar[str] = "taken"
    answer: ClassVar[type[msgspec.Struct]] = TakenInAnswered


class MembersAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Members by rising id; fewer than asked for are the last, if they are `complete`.

    Without `complete` they are not all there are: not every viewer was judged yet, or the segment is `unknown` or
    `archived` and has none. `as_of`: the moment of which they are true.
    """

    profile_ids: list[int]
    state: Literal["alive", "unknown", "archived"] = "alive"
    complete: bool = True
    as_of: datetime | None = None


class MembersAsked(Question, frozen=True, kw_only=True):
    """The next members of a segment after a profile id, as they are at this moment; at most 5000."""

    subject: ClassVar[str] = "segment.members"
    answer: ClassVar[type[msgspec.Struct]] = MembersAnswered

    key: str
    after: int = 0
    limit: int = 1000


class AmongAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Those of the viewers who are members, by segment; unknown and archived segments have none."""

    members: dict[str, list[int]]


class AmongAsked(Question, frozen=True, kw_only=True):
    """Which of these viewers (at most 5000) are in which of these segments, at this moment?"""

    subject: ClassVar[str] = "segment.among"
    answer: ClassVar[type[msgspec.Struct]] = AmongAnswered

    keys: list[str]
    profile_ids: list[int]


class FollowAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is such a message, and where the link leads, for a click."""

    known: bool
    target: str | None = None


class FollowAsked(Question, frozen=True, kw_only=True):
    """A signed link of a message was followed: note it, and say where it leads.

    `look` asks where it leads and notes nothing (HEAD). `prefetch` says that a browser asked ahead by itself.
    """

    subject: ClassVar[str] = "campaign.follow"
    answer: ClassVar[type[msgspec.Struct]] = FollowAnswered

    kind: Literal["open", "click", "unsubscribe", "look"]
    message_id: int
    link_id: int | None = None
    user_agent: str | None = None
    prefetch: bool = False
