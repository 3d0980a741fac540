"""Doors of segment over HTTP, one file per noun."""

from services.segment.routes import imports, language, memberships, segments

# A key is a path: what stands beside it comes before.
ROUTERS = (imports.router, language.router, segments.router, memberships.router)
