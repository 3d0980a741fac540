"""Names everyone shares: services, the paths they own, who reads which stream."""

from __future__ import annotations

SERVICES = ("profile", "segment", "campaign", "recommend")

PATHS: dict[str, tuple[str, ...]] = {
    "profile": (
        "/v1/profiles",
        "/v1/event-types",
        "/v1/refused-events",
        "/v1/namespaces",
        "/v1/tags",
        "/v1/traits",
        "/v1/imports",
        "/v1/exports",
        "/v1/quality",
        "/v1/privacy",
    ),
    "segment": ("/v1/segments", "/v1/insights"),
    "campaign": ("/v1/campaigns", "/v1/messages", "/v1/outbox", "/v1/viewers"),
    "recommend": ("/v1/placements", "/v1/items"),
}
"""Path prefixes the gateway hands to each service; `/v1/services/<name>` belongs to that service too."""

READERS: dict[str, tuple[str, ...]] = {
    "INTAKE": ("profile",),
    "FACTS": ("segment", "campaign", "recommend", "profile"),
    "THINGS": ("profile", "segment"),
    "TRIGGERS": ("campaign",),
}
"""Services that must have passed a message before it may be purged; a stream without readers is kept by age."""

ROLES: dict[str, tuple[str, ...]] = {
    "viewer": ("profile:read", "segment:read", "campaign:read", "recommend:read"),
    "operator": (
        "profile:read",
        "profile:write",
        "segment:read",
        "segment:write",
        "campaign:read",
        "campaign:write",
        "recommend:read",
        "recommend:write",
    ),
    "approver": (
        "profile:read",
        "profile:write",
        "segment:read",
        "segment:write",
        "campaign:read",
        "campaign:write",
        "campaign:approve",
        "recommend:read",
        "recommend:write",
    ),
    "admin": ("*",),
}
"""What each role of a secret key or an operator may do, the least first; `*` is everything."""

EVENTS = (
    "Content Shown",
    "Content Opened",
    "Video Watched",
    "Content Liked",
    "Content Unliked",
    "Content Saved",
    "Content Commented",
    "Danmaku Sent",
    "Content Shared",
    "Content Disliked",
    "Creator Followed",
    "Creator Unfollowed",
    "Creator Viewed",
    "Message Sent",
    "Live Room Entered",
    "Live Room Left",
    "Gift Sent",
    "Search Performed",
    "Order Completed",
    "Order Refunded",
    "Signed Up",
    "Signed In",
    "Banner Shown",
    "Banner Clicked",
    "Page Viewed",
    "Screen Viewed",
)
"""The platform's event names, "Object Action" in title case. Any other name is accepted too."""
