"""What rules can name here: events of the tracking plan with their properties, traits, tags and segments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.console import names
from gateway.console.api import ApiError
from gateway.console.desk import Desk

CHANNELS = ("email", "phone", "push")
PURPOSES = (
    "email",
    "sms",
    "push",
    "phone",
    "marketing",
    "analytics",
    "profiling",
    "personalisation",
    "third_party",
)
_TYPES = {"integer": "number", "number": "number", "boolean": "boolean", "array": "list", "string": "text"}


@dataclass(frozen=True, kw_only=True)
class Known:
    """Names and what they are called. `types` are text, number, boolean, date or list; what is missing is not known."""

    events: dict[str, str] = field(default_factory=dict)
    properties: dict[str, dict[str, str]] = field(default_factory=dict)
    traits: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def load(cls, desk: Desk) -> Known:
        """Ask the gateway, all at once; what does not answer is not offered, and can still be typed."""
        events, traits, tags, segments = await asyncio.gather(
            _every(desk, "/v1/event-types"), _traits(desk), _every(desk, "/v1/tags"), _every(desk, "/v1/segments")
        )
        return cls(
            events={
                one["name"]: _both(names.event(one["name"]), one["name"]) for one in events if one["name"] != names.ANY
            },
            properties={one["name"]: _properties(one) for one in events},
            traits={one["name"]: _both(names.trait(one["name"]), one["name"]) for one in traits},
            types={one["name"]: _TYPES.get(one["type"], one["type"]) for one in traits},
            choices={one["name"]: one["enum"] for one in traits if one["enum"]},
            tags={one["key"]: one.get("name") or one["key"] for one in tags},
            segments={one["key"]: one["name"] for one in segments if not one["archived"]},
        )

    def type_of(self, event: str | None, name: str) -> str:
        """What a property of an event (or, without an event, a trait) is; empty when that is not known."""
        return self.types.get(name, "") if event is None else self.properties.get(event, {}).get(name, "")


def _both(said: str, name: str) -> str:
    return said if said.casefold() == name.casefold() else f"{said} · {name}"


def _properties(one: dict[str, Any]) -> dict[str, str]:
    told = one["schema"].get("properties", {})
    return {
        name: "date" if about.get("format") == "date-time" else _TYPES.get(str(about.get("type")), "")
        for name, about in told.items()
    }


async def _every(desk: Desk, path: str) -> list[dict[str, Any]]:
    try:
        return await desk.api.every(path, most=1000)
    except ApiError:
        return []


async def _traits(desk: Desk) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = await desk.api.get("/v1/traits/definitions")
    except ApiError:
        return []
    return found
