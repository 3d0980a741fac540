"""The event types of a video platform that are known from the first day, each with the JSON Schema of its properties.

Names are "Object Action". The Video Playback, Content and Ad types are those of Segment's Video Spec, in our
own words. Schemas say what is needed and what type it has; other properties are always welcome.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Schema = dict[str, Any]


class Known(NamedTuple):
    """A built-in event type."""

    name: str
    description: str
    schema: Schema


ID: Schema = {"type": ["string", "integer"], "maxLength": 512}
TEXT: Schema = {"type": "string", "maxLength": 1000}
LONG: Schema = {"type": "string", "maxLength": 20000}
NUMBER: Schema = {"type": "number"}
AMOUNT: Schema = {"type": "number", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: Schema = {"type": "boolean"}
IDS: Schema = {"type": "array", "items": ID, "maxItems": 1000}
TEXTS: Schema = {"type": "array", "items": TEXT, "maxItems": 200}
CURRENCY: Schema = {"type": "string", "pattern": "^[A-Za-z]{3}$"}
PRODUCTS: Schema = {
    "type": "array",
    "maxItems": 1000,
    "items": {
        "type": "object",
        "properties": {
            "product_id": ID,
            "sku": ID,
            "name": TEXT,
            "category": TEXT,
            "price": NUMBER,
            "quantity": AMOUNT,
        },
    },
}

CONTENT: Schema = {"content_id": ID, "creator_id": ID, "category": TEXT, "tags": TEXTS, "title": TEXT}
SHOWN: Schema = {**CONTENT, "placement": TEXT, "position": COUNT, "page": TEXT}
WATCHED: Schema = {**CONTENT, "watch_seconds": AMOUNT, "duration_seconds": AMOUNT, "completion": AMOUNT}
CREATOR: Schema = {"creator_id": ID, "name": TEXT}
ROOM: Schema = {"room_id": ID, "creator_id": ID, "category": TEXT, "watch_seconds": AMOUNT}
ORDER: Schema = {
    "order_id": ID,
    "revenue": NUMBER,
    "total": NUMBER,
    "currency": CURRENCY,
    "products": PRODUCTS,
    "coupon": TEXT,
    "discount": NUMBER,
}
BANNER: Schema = {"placement": TEXT, "creative": TEXT, "token": {"type": "string", "maxLength": 4000}}
VIEW: Schema = {"name": TEXT, "category": TEXT, "url": LONG, "path": LONG, "referrer": LONG, "title": LONG}

PLAYBACK: Schema = {
    **CONTENT,
    "session_id": ID,
    "content_asset_id": ID,
    "content_asset_ids": IDS,
    "content_pod_ids": IDS,
    "ad_asset_id": {"anyOf": [ID, IDS, {"type": "null"}]},
    "ad_pod_id": {"anyOf": [ID, IDS, {"type": "null"}]},
    "ad_type": {"anyOf": [TEXT, TEXTS, {"type": "null"}]},
    "position": AMOUNT,
    "seek_position": AMOUNT,
    "total_length": AMOUNT,
    "bitrate": AMOUNT,
    "framerate": AMOUNT,
    "video_player": TEXT,
    "quality": TEXT,
    "sound": {"type": "number", "minimum": 0, "maximum": 100},
    "full_screen": FLAG,
    "ad_enabled": FLAG,
    "livestream": FLAG,
    "method": TEXT,
}
PIECE: Schema = {
    **CONTENT,
    "session_id": ID,
    "asset_id": ID,
    "asset_ids": IDS,
    "pod_id": ID,
    "program": TEXT,
    "season": {"type": ["string", "number"]},
    "episode": {"type": ["string", "number"]},
    "genre": {"anyOf": [TEXT, TEXTS]},
    "publisher": TEXT,
    "channel": TEXT,
    "position": AMOUNT,
    "total_length": AMOUNT,
    "full_episode": FLAG,
    "livestream": FLAG,
    "airdate": TEXT,
    "keywords": TEXTS,
}
ADVERT: Schema = {
    "session_id": ID,
    "asset_id": ID,
    "pod_id": ID,
    "pod_position": COUNT,
    "pod_length": COUNT,
    "type": {"enum": ["pre-roll", "mid-roll", "post-roll", "none"]},
    "title": TEXT,
    "publisher": TEXT,
    "position": AMOUNT,
    "total_length": AMOUNT,
    "load_type": TEXT,
    "quartile": {"type": "integer", "minimum": 1, "maximum": 4},
}


def _type(name: str, description: str, properties: Schema, *required: str) -> Known:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return Known(name, description, schema)


_OWN = (
    _type("Content Shown", "A piece of content was on the screen", SHOWN, "content_id"),
    _type("Content Opened", "A piece of content was opened", SHOWN, "content_id"),
    _type("Video Watched", "A visit to a video ended, with how much was watched", WATCHED, "content_id"),
    _type("Content Liked", "A like was given", CONTENT, "content_id"),
    _type("Content Unliked", "A like was taken back", CONTENT, "content_id"),
    _type("Content Saved", "Content was put into the favourites", {**CONTENT, "folder": TEXT}, "content_id"),
    _type("Content Unsaved", "Content was taken out of the favourites", CONTENT, "content_id"),
    _type(
        "Content Commented",
        "A comment was written below content",
        {**CONTENT, "comment_id": ID, "reply_to": ID, "text": LONG},
        "content_id",
    ),
    _type(
        "Danmaku Sent",
        "A bullet comment was sent over a video",
        {**CONTENT, "text": LONG, "position_seconds": AMOUNT, "color": TEXT},
        "content_id",
    ),
    _type("Content Shared", "Content was shared elsewhere", {**CONTENT, "channel": TEXT, "share_id": ID}, "content_id"),
    _type("Content Disliked", "Less of this, please", {**CONTENT, "reason": TEXT}, "content_id"),
    _type("Content Reported", "Content was reported to the platform", {**CONTENT, "reason": TEXT}, "content_id"),
    _type(
        "Content Published",
        "A viewer published content of his own",
        {**CONTENT, "kind": TEXT, "duration_seconds": AMOUNT, "text": LONG},
        "content_id",
    ),
    _type("Content Deleted", "A viewer deleted content of his own", CONTENT, "content_id"),
    _type(
        "Discussion Started",
        "A viewer opened a discussion",
        {"discussion_id": ID, "topic": TEXT, "title": TEXT, "text": LONG, "tags": TEXTS, "content_id": ID},
        "discussion_id",
    ),
    _type(
        "Discussion Joined",
        "A viewer wrote in a discussion",
        {"discussion_id": ID, "topic": TEXT, "text": LONG, "reply_to": ID, "content_id": ID},
        "discussion_id",
    ),
    _type("Creator Followed", "A viewer follows a creator", CREATOR, "creator_id"),
    _type("Creator Unfollowed", "A viewer no longer follows a creator", CREATOR, "creator_id"),
    _type("Creator Viewed", "The page of a creator was seen", CREATOR, "creator_id"),
    _type(
        "Message Sent",
        "A private message went to another viewer",
        {"recipient_id": ID, "conversation_id": ID, "kind": TEXT, "text": LONG},
    ),
    _type("Live Room Entered", "A viewer came into a live room", ROOM, "room_id"),
    _type("Live Room Left", "A viewer left a live room", ROOM, "room_id"),
    _type(
        "Gift Sent",
        "A gift was given, mostly in a live room",
        {**ROOM, "gift_id": ID, "quantity": AMOUNT, "amount": AMOUNT, "currency": CURRENCY},
    ),
    _type("Search Performed", "Something was searched for", {"query": LONG, "results": COUNT, "kind": TEXT}, "query"),
    _type("Order Completed", "Something was bought", ORDER),
    _type("Order Refunded", "Money of an order went back", ORDER),
    _type("Signed Up", "An account was made", {"method": TEXT, "invited_by": ID}),
    _type("Signed In", "A viewer signed in", {"method": TEXT}),
    _type("Signed Out", "A viewer signed out", {}),
    _type(
        "Button Clicked",
        "A button or link was clicked",
        {"button": TEXT, "text": LONG, "name": TEXT, "id": ID, "page": TEXT, "url": LONG, "path": LONG},
    ),
    _type("Banner Shown", "A creative was on the screen", BANNER),
    _type("Banner Clicked", "A creative was clicked", BANNER),
    _type("Page Viewed", "A page was seen", VIEW),
    _type("Screen Viewed", "A screen of an app was seen", VIEW),
)

_PLAYBACK = (
    ("Started", "Playback was asked for, the player begins to load"),
    ("Paused", "The viewer paused"),
    ("Interrupted", "Playback stopped without the viewer's will"),
    ("Buffer Started", "The player waits for data"),
    ("Buffer Completed", "The player has data again"),
    ("Seek Started", "The viewer jumps; seek_position says where to"),
    ("Seek Completed", "The jump has arrived"),
    ("Resumed", "Playback goes on"),
    ("Completed", "Playback has ended with everything in it"),
    ("Exited", "The viewer left the player"),
)

_PIECES = (
    ("Video Content Started", "A piece of content began to play inside a playback", PIECE),
    ("Video Content Playing", "A heartbeat while content plays, every ten seconds or so", PIECE),
    ("Video Content Completed", "A piece of content has played to its end", PIECE),
    ("Video Ad Started", "An advertisement began to play", ADVERT),
    ("Video Ad Playing", "A heartbeat while an advertisement plays", ADVERT),
    ("Video Ad Completed", "An advertisement has played to its end", ADVERT),
    ("Video Ad Clicked", "An advertisement was clicked", ADVERT),
    ("Video Ad Skipped", "An advertisement was skipped", ADVERT),
    ("Video Quality Updated", "The picture's quality changed", PLAYBACK),
)

KNOWN: dict[str, Known] = {
    one.name: one
    for one in (
        *_OWN,
        *(_type(f"Video Playback {what}", about, PLAYBACK) for what, about in _PLAYBACK),
        *(_type(name, about, properties) for name, about, properties in _PIECES),
    )
}

_CONTENT = ("content_id", "category", "tags", "creator_id")

RECOMMENDED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "Content Shown",
            "Content Opened",
            "Content Liked",
            "Content Unliked",
            "Content Saved",
            "Content Commented",
            "Content Shared",
            "Content Disliked",
        ),
        _CONTENT,
    ),
    "Video Watched": (*_CONTENT, "watch_seconds", "duration_seconds", "completion"),
    "Danmaku Sent": ("content_id", "position_seconds"),
    **dict.fromkeys(("Creator Followed", "Creator Unfollowed", "Creator Viewed"), ("creator_id",)),
    "Search Performed": ("query",),
    "Order Completed": ("revenue", "currency", "products"),
    "Order Refunded": ("revenue", "currency"),
}
"""Properties that interests, portraits and rankings live on. Nothing is refused without them; the quality says so."""
