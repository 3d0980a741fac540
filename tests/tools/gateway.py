"""A stand-in for the gateway's tracking door: keeps what it acknowledged, and fails as the real one may."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import aiohttp.web
import msgspec


@dataclass
class Gateway:
    """`kept` holds message by id in the order of acknowledgement; `failing` is the share of calls that fail."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0
    repeats: int = 0
    failing: float = 0.0
    slow: float = 0.0
    refuse: frozenset[str] = frozenset()
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def app(self) -> aiohttp.web.Application:
        """What to serve."""
        app = aiohttp.web.Application(client_max_size=500_000)
        app.router.add_post("/v1/batch", self._batch)
        app.router.add_post("/v1/items/bulk", self._items)
        app.router.add_get("/v1/services/{name}/readers", self._readers)
        return app

    async def _batch(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.calls += 1
        messages = msgspec.json.decode(await request.read())["batch"]
        await asyncio.sleep(self.slow * self.chance.random())
        fate = self.chance.random()
        if fate < self.failing / 3:
            return aiohttp.web.json_response({"code": "unavailable", "message": "the bus is away"}, status=503)
        if fate < self.failing / 3 * 2:
            return aiohttp.web.json_response({"message": "slower"}, status=429, headers={"Retry-After": "0.01"})
        refused = [
            {"index": index, "message_id": message["messageId"], "field": None, "reason": "not wanted"}
            for index, message in enumerate(messages)
            if message["messageId"] in self.refuse
        ]
        for index, message in enumerate(messages):
            if index in {each["index"] for each in refused}:
                continue
            self.repeats += message["messageId"] in self.kept
            self.kept.setdefault(message["messageId"], message)
        if fate < self.failing:  # kept, but the answer is lost
            assert request.transport is not None
            request.transport.abort()
        return aiohttp.web.json_response({"success": True, "refused": refused})

    async def _readers(self, _: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        readers = [{"stream": stream, "caught_up": True, "taken": 9, "last": 9} for stream in ("INTAKE", "FACTS")]
        outbox = {"waiting": 0, "first": None, "last": None}
        return aiohttp.web.json_response({"outbox": outbox, "readers": readers})

    async def _items(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.items |= {item["id"]: item for item in msgspec.json.decode(await request.read())["items"]}
        return aiohttp.web.json_response({"changed": len(self.items), "unchanged": 0, "errors": []})
