"""Doors of profile over HTTP, one file per noun."""

from services.profile.routes import (
    arrivals,
    consents,
    erasures,
    event_types,
    exports,
    imports,
    keys,
    links,
    persons,
    portraits,
    profiles,
    quality,
    refused,
    retentions,
    search,
    tags,
    touches,
    traits,
)

# A ref is a path: what stands below one comes before the one that would swallow it.
ROUTERS = (
    arrivals.router,
    quality.router,
    exports.router,
    imports.router,
    event_types.router,
    erasures.router,
    persons.router,
    keys.router,
    retentions.router,
    refused.router,
    consents.router,
    portraits.router,
    touches.router,
    search.router,
    traits.router,
    tags.router,
    links.router,
    profiles.router,
)
