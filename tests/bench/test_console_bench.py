"""The bench of the console at a tiny scale: every page of the pictures is loaded and stands beside the bare one."""

from __future__ import annotations

import pytest

from deploy.local import screenshots
from tests.bench import console


async def test_every_page_is_timed() -> None:
    if screenshots.browser() is None:
        pytest.skip(f"no browser on this machine ({', '.join(screenshots.BROWSERS)}); MARQUEE_BROWSER may name one")
    lines = await console.measure(viewers=60, rounds=1)
    names = {one.name.removeprefix("page drawn: ").partition(" / ")[0] for one in lines}
    assert {"home", "people", "person", "segments", "segment", "insight", "campaigns", "report", "sources"} <= names
    assert all(one.value > 0 and one.baseline for one in lines)
