"""The quick look for what must be sealed finds exactly what the slow one does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.profile.rules import contacts, looks, sealing

NAMES = st.sampled_from(
    [
        *("email", "Phone Number", "$tel", "text", "title", "", "tags", "address", "id", "type", "value", "name"),
        *("contact_phone", "手机号", "campaign", "content", "content_id"),
    ]
)
LINK = "https://x.example/?email=bob%40y.example&utm_source=mail"
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "anime", "a@b.example", "@nobody", "x @ y", "13800138000", sealing.MARK + "text:abc"])
    | st.sampled_from(["phone", "email", "mobile", "Bob <a@b.example>", LINK, "+44 20 7946 0958", "192.168.100.200"])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def slowly(value: Any, name: str = "", *, texts: bool = True) -> bool:
    """The definition: something at any depth has a kind, or is a link with an address in it."""
    if contacts.kind(name, value, texts=texts) is not None:
        return True
    if isinstance(value, dict):
        return any(
            slowly(inner, called, texts=texts and key not in looks.CAMPAIGN)
            for key, called, inner in looks.named(value)
        )
    if isinstance(value, list):
        return any(slowly(inner, name, texts=texts) for inner in value)
    return bool(value == LINK)


@given(VALUES, NAMES)
def test_the_quick_look_sees_what_the_slow_one_sees(value: Any, name: str) -> None:
    assert contacts.has_secret(value, name) == slowly(value, name)


@given(VALUES)
def test_what_is_sealed_is_what_was_seen(value: Any) -> None:
    changed = contacts.sealed(value, lambda of, _: f"{sealing.MARK}{of}:sealed") is not value
    assert changed == contacts.has_secret(value)


def has_contact(value: Any, name: str = "") -> bool:
    """The definition: an entry at any depth is contact data, or a link with an address in it."""
    if isinstance(value, dict):
        return any(
            looks.is_contact(called, inner) or has_contact(inner, key) for key, called, inner in looks.named(value)
        )
    if isinstance(value, list):
        return any(looks.is_contact(name, inner) or has_contact(inner, name) for inner in value)
    return bool(value == LINK)


@given(VALUES)
def test_scrubbing_leaves_no_contact_data_and_everything_else(value: Any) -> None:
    clean = contacts.scrubbed(value)
    assert not has_contact(clean)
    assert (clean is value) == (not has_contact(value))


def test_a_link_and_a_search_keep_all_but_the_address() -> None:
    assert contacts.sealed({"url": LINK}, lambda of, _: of) == {"url": "https://x.example/?email=•••&utm_source=mail"}
    assert contacts.sealed({"query": "anime bob@y.example 13800138000"}, lambda of, _: of) == {"query": "anime ••• •••"}
    assert contacts.has_secret({"query": "anime 13800138000"})
    assert not contacts.has_secret({"query": "anime 2024"})
    assert contacts.masked(LINK) == contacts.scrubbed(LINK) == "https://x.example/?email=•••&utm_source=mail"


def test_numbers_in_a_list_are_sealed_under_a_telling_name() -> None:
    sealed = contacts.sealed({"contact_phone": [13800138000]}, lambda of, _: f"{sealing.MARK}{of}:sealed")
    assert "13800138000" not in str(sealed)
