"""Doors of profile over HTTP, one file per noun."""

from services.profile.routes import event_types, portraits, profiles, refused, search, touches

# A ref is a path: what stands below one comes before the one that would swallow it.
ROUTERS = (event_types.router, refused.router, touches.router, portraits.router, search.router, profiles.router)
