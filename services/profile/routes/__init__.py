"""Doors of profile over HTTP, one file per noun."""

from services.profile.routes import portraits, profiles

# A ref is a path: what stands below one comes before the one that would swallow it.
ROUTERS = (portraits.router, profiles.router)
