"""Tell the other replicas what changed here, and hear what changed there."""

from __future__ import annotations

import msgspec

from services.recommend import memory
from services.recommend.actions import placements
from services.recommend.memory.news import Told
from shared.house import House

_decoder = msgspec.json.Decoder(Told)


async def broadcast(house: House) -> bool:
    """Send what has gathered. A loop's step."""
    told = memory.held(house).news.take()
    if told is not None:
        await house.bus.broadcast(msgspec.json.encode(told))
    return False


async def hear(house: House, payload: bytes) -> None:
    """Another replica's change: forget the viewers it touched, read the placements it changed."""
    told = _decoder.decode(payload)
    held = memory.held(house)
    if told.sender == held.news.sender:
        return
    if told.everybody:
        held.viewers.forget_all()
    if told.profiles or told.identities:
        held.viewers.forget(profiles=told.profiles, identities=told.identities)
    if told.popular:
        held.popular.changed = True
    for key, revision in told.placements.items():
        await placements.reload(house, key, revision)
