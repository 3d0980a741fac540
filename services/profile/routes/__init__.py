"""Doors of profile over HTTP, one file per noun."""

from services.profile.routes import profiles

ROUTERS = (profiles.router,)
