"""What the console's process holds open for all pages."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The client of the gateway, the key of the cookie, and the key that signs from where a sign-in comes."""

    http: httpx.AsyncClient
    cookie_key: bytes
    address_key: bytes


_held: list[Memory] = []


def hold(memory: Memory) -> None:
    """Keep it for this process; NiceGUI's pages are the process's, and so is this."""
    _held[:] = [memory]


def held() -> Memory:
    """What `hold` was given."""
    return _held[0]
