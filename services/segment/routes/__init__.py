"""Doors of segment over HTTP, one file per noun."""

from services.segment.routes import imports, insights, language, life, lists, memberships, previews, segments

# A key is a path: what stands beside it comes before.
ROUTERS = (
    imports.router,
    insights.router,
    language.router,
    life.router,
    previews.router,
    segments.router,
    memberships.router,
    lists.router,
)
