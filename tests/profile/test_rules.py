"""Which trait wins, what is contact data, what a call means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.profile.rules import consents, contacts, events, identities, looks, traits
from tests.profile.samples import NOON, call


def at(seconds: int) -> Any:
    return NOON + timedelta(seconds=seconds)


def test_the_latest_by_event_time_wins_for_each_trait() -> None:
    held = traits.absorb({}, [(at(10), {"plan": "pro", "age": 30}), (at(5), {"plan": "free", "city": "Xi'an"})])
    assert {name: (one.value, one.since) for name, one in held.items()} == {
        "plan": ("pro", at(10)),
        "age": (30, at(10)),
        "city": ("Xi'an", at(5)),
    }


def test_saying_it_again_keeps_since_and_shuts_out_what_was_between() -> None:
    held = traits.absorb({}, [(at(1), {"plan": "pro"}), (at(9), {"plan": "pro"}), (at(5), {"plan": "free"})])
    assert held["plan"] == traits.Trait("pro", at(9), at(1))


def test_true_and_one_are_different_values() -> None:
    assert traits.absorb({}, [(at(1), {"x": 1}), (at(2), {"x": True})])["x"] == traits.Trait(True, at(2), at(2))


def test_null_clears_and_stays_cleared_against_late_calls() -> None:
    held = traits.absorb({}, [(at(1), {"plan": "pro"}), (at(9), {"plan": None}), (at(5), {"plan": "free"})])
    assert traits.view([held]) == {}


def test_a_profile_takes_the_latest_of_its_identities_and_the_first_on_ties() -> None:
    user = traits.absorb({}, [(at(5), {"a": "user", "b": "user"})])
    visitor = traits.absorb({}, [(at(5), {"a": "visitor"}), (at(6), {"b": "visitor"})])
    assert {name: one.value for name, one in traits.view([user, visitor]).items()} == {"a": "user", "b": "visitor"}


def test_stored_traits_are_read_back_as_they_were() -> None:
    held = traits.absorb({}, [(at(1), {"a": [1, {"b": None}], "c": 1.5})])
    assert traits.read(msgspec.json.decode(traits.write(held))) == held


def test_traits_that_would_not_fit_a_message_lose_the_oldest() -> None:
    many = [(at(n), {f"t{n}": "x" * 1000}) for n in range(100)]
    kept = traits.absorb({}, many)
    assert "t99" in kept
    assert "t0" not in kept
    assert len(traits.write(kept)) <= traits.MAX_BYTES


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("email", "a@b.com", True),
        ("$email", "not yet", True),
        ("phoneNumber", "13800138000", True),
        ("PHONE", 13800138000, True),
        ("deviceTokens", ["t"], True),
        ("shipping_address", {"street": "x"}, True),
        ("username", "bob@example.com", True),
        ("手机号", "13800138000", True),
        ("电话", "010-12345678", True),
        ("邮箱", "not yet", True),
        ("备用手机", "13800138000", True),
        ("手机型号", "iPhone 15 Pro", False),
        ("contact_phone", "138 0013 8000", True),
        ("receiverMobile", 13800138000, True),
        ("mobile_no", "call 13800138000", True),
        ("backup_email_2", "bob at home, 13800138000", True),
        ("email_opened", 3, False),
        ("phone_model", "SM-G9980001234", False),
        ("phone_verified_at", "2024-05-01T12:00:00Z", False),
        ("note", "Bob <bob@x>", True),
        ("note", "write to bob@163.com please", True),
        ("note", "13800138000", True),
        ("note", "+44 20 7946 0958", True),
        ("note", "+86 138-0013-8000", True),
        ("note", "021-12345678", True),
        ("content_id", "13800138000", False),
        ("videoIds", "13800138000", False),
        ("contact", "+8613800138000", True),
        ("time", "1700000000000", False),
        ("ip", "192.168.100.200", False),
        ("day", "2024-05-01", False),
        ("cover", "icon@2x.png", False),
        ("zone", "+08:00", False),
        ("has_email", True, False),
        ("email", True, False),
        ("email", None, False),
        ("handle", "@bob", False),
        ("category", "anime", False),
    ],
)
def test_what_is_contact_data(name: str, value: object, answer: bool) -> None:
    assert looks.is_contact(name, value) is answer


def test_contact_data_is_taken_out_at_any_depth_and_clean_values_are_left_alone() -> None:
    clean = {"a": [1, {"b": "x"}]}
    assert contacts.scrubbed(clean) is clean
    dirty = {"a": [1, {"email": "x@y.zz", "b": "x"}, "x@y.zz"], "phone": "123456789"}
    assert contacts.scrubbed(dirty) == {"a": [1, {"b": "x"}]}


def test_deep_values_are_scrubbed_in_one_pass() -> None:
    value: Any = {"email": "x@y.zz", "b": 1}
    clean: Any = {"b": 1}
    for _ in range(200):
        value, clean = {"in": [value]}, {"in": [clean]}
    assert contacts.scrubbed(value) == clean


def test_a_whole_profile_tells_channels_and_consent_but_no_address() -> None:
    given = {
        "email": "x@y.zz",
        "phone": "nonsense",
        "name": "X",
        "consent": {"sms": False, "n": 3},
        "device_token": "t",
    }
    whole = traits.whole([traits.absorb({}, [(NOON, consents.flat(given))])])
    assert whole == traits.Whole({"name": "X"}, {"name": NOON}, ["email", "push"], {"sms": False}, {"sms": NOON})


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({}, True),
        ({"unsubscribed": True}, False),
        ({"unsubscribed": False}, True),
        ({"consent": False}, False),
        ({"consent": {"email": False}}, False),
        ({"consent": {"marketing": False}}, False),
        ({"consent": {"phone": False, "news": False, "email": True}}, True),
        ({"consent": True, "unsubscribed": True}, False),
    ],
)
def test_who_may_be_contacted(said: dict[str, Any], answer: bool) -> None:
    assert consents.allowed(consents.current(consents.flat(said), NOON.date()), "email", "marketing") is answer


def test_what_holds_names_the_statement_it_rests_on() -> None:
    day = timedelta(days=1)
    said: list[traits.Given] = [
        (NOON, {"consent.*": False}),
        (NOON + day, {"consent.email": True}),
        (NOON + 2 * day, {"age": 9}),
    ]
    whole = traits.whole([traits.absorb({}, said)])
    assert whole.consent == dict.fromkeys(["*", *consents.NOT_FOR_CHILDREN], False)
    assert whole.consent_since == {
        **dict.fromkeys(["marketing", "email", "sms", "push", "phone", "third_party"], NOON + 2 * day),
        **dict.fromkeys(["*", "profiling", "personalisation"], NOON),
    }


def test_masks() -> None:
    assert contacts.masked(
        {"email": "bob@example.com", "phone": "+86 138 0013", "push_token": "x", "n": ["a@b.c", 1]}
    ) == {
        "email": "b•••@example.com",
        "phone": "•••13",
        "push_token": "•••",
        "n": ["a•••@b.c", 1],
    }


def test_addresses() -> None:
    assert contacts.address({"Email": " a@b.com "}, "email") == "a@b.com"
    assert contacts.address({"mail": "b@b.com", "email": "a@b.com"}, "email") == "a@b.com"
    assert contacts.address({"email": "a@b.com\nBcc: c@d.com"}, "email") is None
    assert contacts.address({"email": "a@b.com"}, "pigeon") is None


def test_views_get_their_names_and_keep_the_page() -> None:
    page = events.read(call("page", event="Home", user_id="u", properties={"url": "/"}))
    assert (page.event, page.properties) == ("Page Viewed", {"name": "Home", "url": "/"})
    assert events.read(call("screen", user_id="u")).event == "Screen Viewed"
    assert events.read(call("identify", user_id="u")).event is None


def test_traits_come_with_identify_and_in_the_context_of_any_call_but_a_group_has_its_own() -> None:
    context = {"traits": {"a": 1, "b": 1}, "locale": "zh"}
    assert events.read(call("identify", user_id="u", traits={"b": 2}, context=context)).traits == {"a": 1, "b": 2}
    assert events.read(call(user_id="u", context=context)).traits == {"a": 1, "b": 1}
    assert events.read(call("group", user_id="u", group_id="g", traits={"size": 3})).traits == {}
    assert events.context(call(user_id="u", context=context)) == {"locale": "zh"}


@pytest.mark.parametrize(
    "item",
    [
        call(),
        call(user_id="", anonymous_id=""),
        call(event=None, user_id="u"),
        call("alias", user_id="u"),
        call("alias", previous_id="a", anonymous_id="b"),
    ],
)
def test_what_can_never_be_recorded(item: Any) -> None:
    with pytest.raises(events.Malformed):
        events.read(item)


def test_history_is_older_than_a_day_on_arrival() -> None:
    assert not events.is_history(NOON, NOON + timedelta(hours=24))
    assert events.is_history(NOON, NOON + timedelta(hours=24, microseconds=1))


def test_refs() -> None:
    assert identities.reference("17") == 17
    assert identities.reference("user_id:a:b") == "user_id:a:b"
    assert [identities.reference(ref) for ref in ("0", "99999999999", "E-mail:x", "user_id:", "bob", "", "²")] == [
        None
    ] * 7
