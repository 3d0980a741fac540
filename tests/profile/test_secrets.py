"""The quick look for what must be sealed finds exactly what the slow one does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.profile.rules import contacts, sealing

NAMES = st.sampled_from(["email", "Phone Number", "$tel", "text", "comment_text", "title", "", "tags", "address"])
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "anime", "a@b.example", "@nobody", "x @ y", "13800138000", sealing.MARK + "text:abc"])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def slowly(value: Any, name: str = "") -> bool:
    """The definition: something at any depth has a kind."""
    if isinstance(value, dict) and any(slowly(inner, key) for key, inner in value.items()):
        return True
    if isinstance(value, list) and any(slowly(inner) for inner in value):
        return True
    return contacts.kind(name, value) is not None


@given(VALUES, NAMES)
def test_the_quick_look_sees_what_the_slow_one_sees(value: Any, name: str) -> None:
    assert contacts.has_secret(value, name) == slowly(value, name)


@given(VALUES)
def test_what_is_sealed_is_what_was_seen(value: Any) -> None:
    changed = contacts.sealed(value, lambda of, _: f"{sealing.MARK}{of}:sealed") is not value
    assert changed == contacts.has_secret(value)


def has_contact(value: Any) -> bool:
    """The definition: an entry at any depth is contact data."""
    if isinstance(value, dict):
        return any(contacts.is_contact(name, inner) or has_contact(inner) for name, inner in value.items())
    return isinstance(value, list) and any(contacts.is_contact("", inner) or has_contact(inner) for inner in value)


@given(VALUES)
def test_scrubbing_leaves_no_contact_data_and_everything_else(value: Any) -> None:
    clean = contacts.scrubbed(value)
    assert not has_contact(clean)
    assert (clean is value) == (not has_contact(value))
