"""Door for HTTP: parse, one action, answer."""

from services.recommend.routes import items, placements

ROUTES = (placements.router, items.router)
