"""Doors of segment over HTTP, one file per noun."""

from services.segment.routes import imports, segments

# A key is a path: what stands beside it comes before.
ROUTERS = (imports.router, segments.router)
