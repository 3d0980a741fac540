"""Consent: what a viewer said, what follows from it, and who hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest

from services.profile.actions import profiles
from services.profile.actions.consents import said as consents_said
from services.profile.actions.contacts import UnknownPurpose, contacts, first
from services.profile.app import SERVICE
from services.profile.rules import consents
from shared import audit
from shared.contracts import ConsentSaid, ContactsAsked, Fact, ProfileUpdated, ResolveAsked
from shared.database import Database
from tests.harness.eventually import eventually
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON, call

TODAY = NOON.date()
Take = Callable[..., Awaitable[list[Fact]]]


def current(**traits: Any) -> dict[str, bool]:
    return consents.current(consents.flat(traits), TODAY)


def test_answers_become_one_trait_per_purpose() -> None:
    given = {"consent": {"email": False, "sms": None, "push": "maybe", "a b": True}, "name": "X", "consent.news": True}
    assert consents.flat(given) == {"name": "X", "consent.email": False, "consent.sms": None, "consent.news": True}
    assert consents.flat({"consent": False}) == {"consent.*": False}
    assert consents.flat({"consent": None}) == {"consent.*": None}
    forms = {"email": "no", "sms": "False", "push": 0, "marketing": " YES ", "phone": 1, "profiling": "否", "x": 2}
    assert consents.statements(consents.flat({"consent": forms})) == {
        "email": False, "sms": False, "push": False, "marketing": True, "phone": True, "profiling": False,
    }  # fmt: skip
    plain = {"name": "X", "unsubscribed": True}
    assert consents.flat(plain) is plain


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, {}),
        ({"consent": {"email": True}}, {"email": True}),
        ({"consent": {"profiling": False}}, {"profiling": False, "personalisation": False}),
        ({"consent": False}, {"*": False, "profiling": False, "personalisation": False}),
        ({"unsubscribed": True}, {"*": False}),
        ({"unsubscribed": False, "consent": {"email": False}}, {"email": False}),
    ],
)
def test_what_follows_from_what_he_said(traits: dict[str, Any], expected: dict[str, bool]) -> None:
    assert current(**traits) == expected


@pytest.mark.parametrize(
    ("traits", "child"),
    [
        ({"age": 13}, True),
        ({"age": 14}, False),
        ({"age": "13"}, False),
        ({"age": True}, False),
        ({"birthday": "2013-05-04"}, True),
        ({"birthday": "2012-05-05"}, True),
        ({"birthday": "2012-05-04"}, False),
        ({"birthday": "2013-05-04", "age": 30}, True),
        ({"birthday": "spring"}, False),
        ({"birthday": "2013-05-04", "consent": {"guardian": True}}, False),
        ({"age": 5, "consent": {"guardian": False, "email": True, "personalisation": True}}, True),
    ],
)
def test_children_are_neither_profiled_nor_written_to_without_a_guardian(traits: dict[str, Any], child: bool) -> None:
    said = current(**traits)
    for purpose in consents.NOT_FOR_CHILDREN:
        assert (said.get(purpose) is False) is child
    assert "analytics" not in said
    assert consents.allowed(said, "email", "marketing") is not child


def test_one_number_has_one_answer() -> None:
    assert not consents.allowed({"sms": False}, "phone", "marketing")
    assert not consents.allowed({"phone": False}, "sms", "marketing")
    assert consents.allowed({"sms": False}, "email", "marketing")
    assert date(2026, 5, 4) == TODAY


async def test_answers_of_two_devices_add_up_and_the_later_one_of_each_counts(take: Take) -> None:
    await take(call(user_id="u1", anonymous_id="a1"))
    told = await take(
        call("identify", anonymous_id="a1", traits={"consent": {"email": False, "sms": True}}, after=10),
        call("identify", user_id="u1", traits={"consent": {"analytics": True, "sms": False}}, after=20),
    )
    (fact,) = [one for one in told if isinstance(one, ProfileUpdated)]
    assert fact.consent == {"email": False, "sms": False, "analytics": True}
    assert fact.traits == {}
    (late,) = await take(call("identify", user_id="u1", traits={"consent": {"email": True}}, after=30))
    assert isinstance(late, ProfileUpdated)
    assert late.consent["email"] is True
    assert await take(call("identify", anonymous_id="a1", traits={"consent": {"email": False}}, after=15)) == []


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    opened = await open_house(SERVICE)
    await opened.tell(
        call("identify", user_id="u1", anonymous_id="a1", traits={"email": "u1@example.com", "consent": {"sms": True}}),
        call("identify", user_id="u1", traits={"consent": {"sms": True}}, after=5),
        call("identify", user_id="u1", traits={"unsubscribed": False}, after=6),
    )

    async def known() -> bool:
        answer = await opened.client.get("/v1/profiles/user_id:u1/consents")
        return answer.status_code == 200 and len(answer.json()["history"]) == 2

    await eventually(known)
    return opened


async def put(running: Running, body: Any, *, ref: str = "user_id:u1", status: int = 200, role: str = "admin") -> Any:
    headers = running.headers(role, caller_id="tool")
    answer: httpx.Response = await running.client.put(f"/v1/profiles/{ref}/consents", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_answer_is_kept_with_its_proof_and_told_at_once(running: Running) -> None:
    said = {"purpose": "personalisation", "granted": False, "version": "2026-05", "proof": "form 17"}
    shown = await put(running, {"consents": [said], "source": "choice page"}, role="operator")
    assert shown["current"] == {"sms": True, "personalisation": False}
    first = shown["history"][0]
    assert {name: first[name] for name in (*said, "source", "recorded_by", "origin")} == {
        **said,
        "source": "choice page",
        "recorded_by": "tool",
        "origin": "user_id:u1",
    }
    # What came with calls is there once, although it was said again and again.
    assert [(one["purpose"], one["granted"], one["source"]) for one in shown["history"][1:]] == [
        ("unsubscribed", True, "sdk"),
        ("sms", True, "sdk"),
    ]

    async def told() -> bool:
        return any(
            fact.consent == {"sms": True, "personalisation": False} for fact in await running.told(ProfileUpdated)
        )

    await eventually(told)
    profile = (await running.client.get("/v1/profiles/user_id:u1")).json()
    assert profile["consent"] == {"sms": True, "personalisation": False}
    assert "consent.sms" not in profile["traits"]


async def test_what_a_viewer_takes_back_nobody_outranks(running: Running) -> None:
    await put(running, {"consents": [{"purpose": "email", "granted": True}]})
    later = NOON.replace(year=2036)
    await running.tell(call("identify", user_id="u1", traits={"consent": {"email": False}}, time=later))

    async def refused() -> bool:
        async with running.db.transaction() as session:
            answer = await contacts(session, ContactsAsked(profile_ids=[1], channel="email"))
        return answer.refused == {1: "no_consent"}

    await eventually(refused)
    shown = await put(running, {"consents": [{"purpose": "email", "granted": None}]})
    assert shown["current"]["email"] is False  # said for earlier than the later no


async def test_the_history_pages(running: Running) -> None:
    for granted in (True, False, True):
        await put(running, {"consents": [{"purpose": "push", "granted": granted}]})
    page = (await running.client.get("/v1/profiles/1/consents", params={"limit": 2})).json()
    rest = (await running.client.get("/v1/profiles/1/consents", params={"cursor": page["next"]})).json()
    assert [one["granted"] for one in page["history"]] == [True, False]
    assert [one["purpose"] for one in rest["history"]] == ["push", "unsubscribed", "sms"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"consents": [{"purpose": "spying", "granted": True}]}, "consents[0].purpose"),
        ({"consents": []}, "consents"),
        ({"consents": [{"purpose": "email", "granted": True, "at": "2999-01-01T00:00:00Z"}]}, "consents[0].at"),
        ({"consents": [{"purpose": "email", "grant": True}]}, "consents[0].grant"),
    ],
)
async def test_what_is_no_answer_is_said(running: Running, body: Any, field: str) -> None:
    problem = await put(running, body, status=422)
    assert field in [one["field"] for one in problem["errors"]]


async def test_viewers_may_not_record_and_unknown_people_are_unknown(running: Running) -> None:
    body = {"consents": [{"purpose": "email", "granted": True}]}
    await put(running, body, role="viewer", status=403)
    await put(running, body, ref="user_id:nobody", status=404)


async def test_contact_data_that_is_shown_is_noted_for_the_audit_log(running: Running) -> None:
    paths = ("/v1/profiles/1", "/v1/profiles", "/v1/profiles/1/portrait")
    for path in paths:
        assert (await running.client.get(path)).headers[audit.HEADER] == "contacts.read profile:1"
        assert audit.HEADER not in (await running.client.get(path, headers=running.headers("operator"))).headers
    assert audit.HEADER not in (await running.client.get("/v1/profiles/1/events")).headers
    await running.tell(call(user_id="u1", event="Content Commented", properties={"text": "hello"}))

    async def noted() -> bool:
        return audit.HEADER in (await running.client.get("/v1/profiles/1/events")).headers

    await eventually(noted)


async def test_a_link_in_a_message_is_an_answer_too_and_push_and_inbox_reach_whom_they_can(running: Running) -> None:
    asked = ConsentSaid(profile_id=1, purpose="marketing", granted=False, source="message", proof="message 7")
    async with running.db.transaction() as session:
        assert (await consents_said(session, asked)).known
        assert not (await consents_said(session, msgspec.structs.replace(asked, profile_id=999))).known
    shown = (await running.client.get("/v1/profiles/1/consents")).json()
    assert (shown["current"]["marketing"], shown["history"][0]["proof"]) == (False, "message 7")
    await running.tell(call("identify", user_id="u1", traits={"deviceTokens": ["old", "new"]}))

    async def reached() -> bool:
        async with running.db.transaction() as session:
            inbox = await contacts(session, ContactsAsked(profile_ids=[1], channel="inbox", purpose="transactional"))
            push = await contacts(session, ContactsAsked(profile_ids=[1], channel="push", purpose="transactional"))
        return [one.address for one in (*inbox.contacts, *push.contacts)] == ["inbox", "new"]

    await eventually(reached)


@pytest.mark.parametrize(
    ("said", "first", "answer"),
    [
        ({}, set(), True),
        ({}, {"email"}, False),
        ({}, {"marketing"}, False),
        ({}, {"sms"}, True),
        ({"email": True}, {"email"}, True),
        ({"email": True}, {"email", "marketing"}, False),
        ({"*": True}, {"email", "marketing"}, True),
        ({"*": True, "email": False}, {"email"}, False),
        ({"*": False, "email": True}, {"email"}, False),
    ],
)
def test_where_he_is_to_be_asked_first_silence_is_a_no(said: dict[str, bool], first: set[str], answer: bool) -> None:
    assert consents.allowed(said, "email", "marketing", first=first) is answer


async def test_an_installation_says_of_what_a_viewer_is_asked_first(
    take: Take, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await take(
        call("identify", user_id="silent", traits={"email": "a@example.com"}),
        call("identify", user_id="yes", traits={"email": "b@example.com", "consent": {"email": True}}),
    )
    asked = ContactsAsked(profile_ids=[1, 2], channel="email")
    async with db.transaction() as session:
        silent = (await profiles.resolve(session, ResolveAsked(refs=["user_id:silent"]))).profile_ids["user_id:silent"]
        assert (await contacts(session, asked)).refused == {}
        monkeypatch.setenv("MARQUEE_CONSENT_FIRST", "email, sms")
        first.cache_clear()
        try:
            assert (await contacts(session, asked)).refused == {silent: "no_consent"}
        finally:
            first.cache_clear()


def test_an_unknown_purpose_is_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARQUEE_CONSENT_FIRST", "email,telex,profiling")
    first.cache_clear()
    with pytest.raises(UnknownPurpose, match="profiling, telex: it takes marketing, email"):
        first()
