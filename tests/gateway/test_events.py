"""Tracking calls over HTTP: what is taken in, what is refused, and that 200 means the stream has it."""

from __future__ import annotations

from tests.gateway.conftest import Gateway


async def test_a_track_call_is_in_the_stream_when_it_is_answered(gateway: Gateway) -> None:
    answer = await gateway.front.post("/v1/track", json={"userId": "u1", "event": "Content Liked", "messageId": "m1"})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = await gateway.received()
    assert (event.message_id, event.type, event.event, event.user_id) == ("m1", "track", "Content Liked", "u1")
    assert event.source == "testwritekey"
