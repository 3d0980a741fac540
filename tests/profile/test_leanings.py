"""Tags by interests: who cares enough has them, with the share as weight, until it has faded or he is another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import leanings, tags
from services.profile.actions.events import absorb
from services.profile.rules import interests
from shared import clock
from shared.contracts import EventReceived, ProfileUpdated
from tests.harness.eventually import eventually
from tests.harness.houses import Running
from tests.profile.samples import NOON, call

HALF_LIFE = 14 * 86_400.0


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))


async def ask(running: Running, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    headers = running.headers("operator", caller_id="key_1")
    answer: httpx.Response = await running.client.request(method, path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def make(running: Running, key: str, **interest: Any) -> None:
    await ask(running, "PUT", f"/v1/tags/{key}", {"name": key, "kind": "interest", "interest": interest})
    await ask(running, "POST", f"/v1/tags/{key}/adopt", {"force": True})


def likes(user: str, *tags_: str, after: float = 0, **more: Any) -> EventReceived:
    return call(user_id=user, properties={"tags": list(tags_)}, after=after, **more)


async def last(running: Running, profile_id: int, weights: dict[str, float]) -> ProfileUpdated:
    """Wait until a profile was last told with these weights."""

    async def check() -> ProfileUpdated:
        told: list[ProfileUpdated] = await running.told(ProfileUpdated)
        facts = [one for one in told if one.profile_id == profile_id]
        assert facts
        fact = facts[-1]
        assert (fact.weights, fact.tags) == (weights, sorted(weights))
        return fact

    found: ProfileUpdated = await eventually(check)
    return found


async def test_who_cares_enough_has_the_tag_until_it_fades(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    at = NOON
    monkeypatch.setattr(clock, "now", lambda: at)
    await take(running, likes("u1", "anime", "动漫", "music"), likes("u2", "music"))
    # Those who were there before the tag are found too.
    await make(running, "acg", tags=["anime", "动漫"], share=0.5, weight=1.0)
    fact = await last(running, 1, {"acg": 0.65})
    assert fact.tag_since == {"acg": NOON}
    (held,) = await ask(running, "GET", "/v1/profiles/user_id:u1/tags")
    assert (held["weight"], held["source"], held["origin"]) == (0.65, "interest", "user_id:u1")
    # Two likes' worth are one like's worth a half-life later: that is when it ends, if nothing happens.
    assert abs(datetime.fromisoformat(held["expires_at"]) - NOON - timedelta(days=14)) < timedelta(seconds=10)
    assert await ask(running, "GET", "/v1/profiles/user_id:u2/tags") == []
    await take(running, likes("u2", "anime", "动漫", after=1), likes("u2", "anime", after=2))
    await last(running, 2, {"acg": 0.75})
    # A little more of it is no news; much more of something else takes the tag away.
    told = len(await running.told(ProfileUpdated))
    await take(running, likes("u2", "anime", after=3), likes("u1", *(f"t{n}" for n in range(9)), after=4))
    await last(running, 1, {})
    await last(running, 2, {"acg": 0.8})
    assert len(await running.told(ProfileUpdated)) == told + 2
    at = NOON + timedelta(days=40)
    async with running.db.transaction() as session:
        await tags.expire(session)
    await last(running, 2, {})


async def test_interests_follow_who_becomes_one_and_who_refuses(running: Running) -> None:
    await make(running, "anime", share=0.4, weight=0.1)
    now = clock.now() - NOON
    at = now.total_seconds() - 60
    await take(running, likes("u1", "anime", after=at), likes("u2", "music", "food", after=at))
    await last(running, 1, {"anime": 1.0})
    await ask(running, "PUT", "/v1/profiles/user_id:u1/tags/anime", {}, status=409)
    await ask(running, "DELETE", "/v1/profiles/user_id:u1/tags/anime", status=409)
    await take(running, call(anonymous_id="a1", properties={"tags": ["anime"]}, after=at))
    await last(running, 3, {"anime": 1.0})
    await take(running, call("identify", user_id="u2", anonymous_id="a1", after=at))
    # One like of anime among three interests is too little.
    await last(running, 2, {})
    await ask(running, "POST", "/v1/profiles/user_id:u2/split", {"origins": ["anonymous_id:a1"], "reason": "not his"})
    await last(running, 3, {"anime": 1.0})
    no = {"consents": [{"purpose": "profiling", "granted": False}], "source": "form"}
    await ask(running, "PUT", "/v1/profiles/user_id:u1/consents", no)
    await last(running, 1, {})
    await ask(running, "PUT", "/v1/tags/anime", {"name": "anime", "kind": "interest", "interest": {"share": 0.3}})
    assert (await ask(running, "GET", "/v1/tags/anime"))["interest"] == {"tags": ["anime"], "share": 0.3, "weight": 0.5}
    await ask(running, "PUT", "/v1/tags/x", {"name": "x", "interest": {}}, status=422)


async def test_without_such_tags_nobody_is_noted(running: Running) -> None:
    await take(running, likes("u1", "anime"))
    async with running.db.transaction() as session:
        assert await leanings.work_out(session, limit=10) is False


WEIGHTS = st.dictionaries(st.sampled_from("abcd"), st.floats(0.001, 100))


@given(WEIGHTS, st.floats(0, 50), st.floats(0, 1), st.floats(0, 20))
def test_a_leaning_holds_exactly_as_long_as_its_weight_is_enough(
    weights: dict[str, float], rest: float, share: float, least: float
) -> None:
    wanted = {"tags": ["a", "b"], "share": share, "weight": least}
    total = sum(weights.values()) + rest
    found = interests.leaning(wanted, weights, total, HALF_LIFE)
    mine = weights.get("a", 0.0) + weights.get("b", 0.0)
    assert (found is not None) == (mine > 0 and mine >= least and mine / total >= share)
    if found is None or found.seconds is None:
        return
    for seconds, still in ((found.seconds * 0.999 - 1, True), (found.seconds * 1.001 + 1, False)):
        if seconds > 0:
            faded = 2 ** (-seconds / HALF_LIFE)
            later = {tag: weight * faded for tag, weight in weights.items()}
            again = interests.leaning(wanted, later, total * faded * (1 - 1e-12), HALF_LIFE)
            assert (again is not None) is still


@given(st.lists(st.floats(0.001, 1), min_size=1))
def test_weights_move_in_steps_and_stay_near_the_share(shares: list[float]) -> None:
    held: float | None = None
    for share in shares:
        now = interests.stepped(held, share)
        assert abs(now - share) < interests.STEP
        assert 0 < now <= 1
        assert held is None or now == held or abs(held - share) >= interests.STEP
        held = now
