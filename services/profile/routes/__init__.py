"""Doors of profile over HTTP, one file per noun."""

from services.profile.routes import portraits, profiles, search

# A ref is a path: what stands below one comes before the one that would swallow it.
ROUTERS = (portraits.router, search.router, profiles.router)
