"""The bench of campaigns at a tiny scale: it measures what it says, and every message arrives."""

from __future__ import annotations

from tests.bench import campaign


async def test_a_tiny_campaign_is_planned_and_sent_both_ways() -> None:
    lines = {line.name: line for line in await campaign.measure(recipients=300)}
    assert lines["planned"].value > 0
    for way in ("planned and sent by SMTP", "planned and sent over HTTP"):
        assert lines[way].value > 0
        assert lines[way].baseline is not None
    assert lines["processor time by SMTP: campaign"].value > 0
