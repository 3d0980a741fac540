"""The export of one person, as far as profile's own part goes; all services answer by shared.erasure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from services.profile.actions import persons
from services.profile.app import SERVICE
from shared import audit
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.profile.samples import call


async def test_all_data_of_one_person_and_nobody_elses(
    open_house: Callable[..., Opening], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persons, "SERVICES", ("profile",))
    running = await open_house(SERVICE)
    for who in ("ann", "ben"):
        traits = {"email": f"{who}@example.com", "name": f"name {who}"}
        await running.tell(
            call("identify", user_id=who, traits=traits),
            call(user_id=who, event="Content Commented", properties={"text": f"words of {who}"}),
        )

    async def exported() -> list[dict[str, Any]]:
        answer = await running.client.post("/v1/privacy/exports", json={"ref": "user_id:ann"})
        if not answer.is_success:
            return []
        assert answer.headers[audit.HEADER].startswith("viewers.export profile:")
        return [json.loads(line) for line in answer.text.splitlines()]

    async def whole() -> bool:
        return len([one for one in await exported() if one.get("table") == "events"]) == 2

    await eventually(whole)
    lines = await exported()
    assert lines[-1] == {"complete": True}
    text = json.dumps(lines)
    for known in ("ann@example.com", "name ann", "words of ann"):
        assert known in text
    assert "ben" not in text
    assert "enc:" not in text
    (sums,) = [one["row"] for one in lines if one.get("table") == "aggregates"]
    assert (sums["month"], sums["events"]) == ("2026-05", {"Content Commented": 1})
    assert [begin <= end for begin, end in sums["active"]] == [True]
    (key,) = [one["row"] for one in lines if one.get("table") == "data_keys"]
    assert "wrapped" not in key
    refused = await running.client.post(
        "/v1/privacy/exports", json={"ref": "user_id:ann"}, headers=running.headers("operator")
    )
    assert refused.status_code == 403
