"""The small tools: tokens, buckets, pages, the clock, settings, keys."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from shared import clock, errors, pages, tokens
from shared.database import is_outage, words
from shared.experiment import bucket
from shared.pages import PageAsked
from shared.serve import options
from shared.settings import Settings
from shared.tokens import BadToken
from tests.shared import toy

KEY = b"k" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(st.text(), JSON, max_size=4)


# Tokens


@given(PAYLOADS)
def test_a_token_carries_its_payload(payload: dict[str, Any]) -> None:
    token = tokens.sign(KEY, payload)
    assert tokens.read(KEY, token) == payload
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    with pytest.raises(BadToken):
        tokens.read(b"j" * 32, token)


@pytest.mark.parametrize("payload", [{"a": 1}, {"ab": 1}, {"abc": 1}])
def test_a_token_with_any_bit_flipped_is_none(payload: dict[str, Any]) -> None:
    """Three lengths: the spare bits of the last letter are in two of them."""
    token = tokens.sign(KEY, payload)
    for place in range(len(token)):
        for bit in range(8):
            flipped = token[:place] + chr(ord(token[place]) ^ (1 << bit)) + token[place + 1 :]
            with pytest.raises(BadToken):
                tokens.read(KEY, flipped)


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(BadToken):
        tokens.read(KEY, text)


def test_a_token_has_one_spelling() -> None:
    token = tokens.sign(KEY, {"a": 1})
    for other in (token + "=", token + "==", token + "\n", " " + token, token[:-1], token + "A", token * 2):
        with pytest.raises(BadToken):
            tokens.read(KEY, other)


# Experiments


def test_buckets_are_sticky_for_ever() -> None:
    """These values may never change: running experiments would be reshuffled."""
    assert bucket("salt", "1") == pytest.approx(BUCKETS[0], abs=1e-15)
    assert bucket("", "") == pytest.approx(BUCKETS[1], abs=1e-15)
    assert bucket("a", "b") != bucket("ab", "")


BUCKETS = (0.17032144485065437, 0.4304816492364817)


@given(st.text(), st.text())
def test_buckets_are_in_range(salt: str, unit: str) -> None:
    assert 0 <= bucket(salt, unit) < 1
    assert bucket(salt, unit) == bucket(salt, unit)


def test_buckets_are_uniform_and_independent_between_salts() -> None:
    """Chi-squared with 99 degrees of freedom: 148.2 is passed by chance once in a thousand (fixed input: never)."""
    number, cells = 40_000, 10
    joint = [[0] * cells for _ in range(cells)]
    for unit in range(number):
        joint[int(bucket("one", str(unit)) * cells)][int(bucket("two", str(unit)) * cells)] += 1
    expected = number / cells**2
    assert sum((count - expected) ** 2 / expected for row in joint for count in row) < 148.2


# Pages


@given(st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1) | st.text() | st.none()))
def test_a_cursor_says_where_it_points(position: dict[str, Any]) -> None:
    cursor = pages.encode(position)
    assert pages.decode(cursor) == position
    assert "=" not in cursor


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_an_invented_cursor_is_invalid_or_points_somewhere(cursor: str) -> None:
    with contextlib.suppress(errors.Invalid):
        assert isinstance(pages.decode(cursor), dict)


def test_fields_of_a_cursor_are_checked() -> None:
    assert PageAsked(50, None).number("id") is None
    assert PageAsked(50, None).text("key") is None
    assert PageAsked(50, {"id": 5, "key": "a"}).number("id") == 5
    assert PageAsked(50, {"id": 5, "key": "a"}).text("key") == "a"
    for value in ("5", 5.0, None, True, 2**63, -(2**63) - 1, [5]):
        with pytest.raises(errors.Invalid):
            PageAsked(50, {"id": value}).number("id")
    for other in (5, None, "a\x00", ["a"]):
        with pytest.raises(errors.Invalid):
            PageAsked(50, {"key": other}).text("key")
    with pytest.raises(errors.Invalid):
        PageAsked(50, {}).number("id")


# The clock


def test_the_clock_is_utc_and_can_be_driven() -> None:
    assert clock.now().tzinfo is UTC
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1
    with clock.at(toy.NOW):
        assert clock.now() == toy.NOW
        with clock.at(datetime(2030, 1, 1, tzinfo=UTC)):
            assert clock.now().year == 2030
        assert clock.now() == toy.NOW
    assert clock.now() != toy.NOW


# Settings

GOOD = {
    "DATABASE_URL": "postgresql://u:p@h:1/d",
    "NATS_URL": "nats://h:1",
    "NATS_MONITOR_URL": "http://h:2",
    "MARQUEE_SECRET": "0123456789abcdef" * 2,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (
        *GOOD,
        "MARQUEE_PARTITIONS",
        "PORT",
        "HOST",
        "LOG_LEVEL",
        "MARQUEE_PUBLIC_URL",
        "MARQUEE_TRUSTED_PROXIES",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PORT", "1234")
    environment.setenv("MARQUEE_PUBLIC_URL", "https://m.example")
    found = Settings()
    assert (found.port, found.public_url, found.partitions) == (1234, "https://m.example", 16)
    assert found.database_url == "postgresql+asyncpg://u:p@h:1/d"
    assert "0123" not in repr(found)


@pytest.mark.parametrize(
    ("trusted", "connected", "told"),
    [
        (None, "127.0.0.1", ("203.0.113.7", "https")),
        (None, "172.18.0.5", ("172.18.0.5", "http")),
        ("172.16.0.0/12, 10.0.0.1", "172.18.0.5", ("203.0.113.7", "https")),
        ("172.16.0.0/12, 10.0.0.1", "127.0.0.1", ("127.0.0.1", "http")),
        ("*", "198.51.100.9", ("203.0.113.7", "https")),
    ],
)
async def test_who_is_calling_is_believed_of_trusted_proxies(
    environment: pytest.MonkeyPatch, trusted: str | None, connected: str, told: tuple[str, str]
) -> None:
    if trusted is not None:
        environment.setenv("MARQUEE_TRUSTED_PROXIES", trusted)
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    config = uvicorn.Config(app, **options(Settings()))
    config.load()
    headers = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "scheme": "http", "client": (connected, 50000), "headers": headers}
    await config.loaded_app(scope, None, None)
    assert seen == [told]


WRONG_SETTINGS = [
    ("MARQUEE_SECRET", None, "MARQUEE_SECRET"),
    ("MARQUEE_SECRET", "", "at least 32 characters"),
    ("MARQUEE_SECRET", "hunter2hunter2hunter2", "MARQUEE_SECRET must have at least 32 characters"),
    ("DATABASE_URL", None, "DATABASE_URL"),
    ("DATABASE_URL", "mysql://u:hunter2@h/d", "DATABASE_URL must look like postgresql://"),
    ("DATABASE_URL", "hunter2", "DATABASE_URL must look like postgresql://"),
    ("NATS_URL", None, "NATS_URL"),
    ("PORT", "http", "PORT"),
    ("MARQUEE_PARTITIONS", "32", "MARQUEE_PARTITIONS must be 16"),
    ("MARQUEE_TRUSTED_PROXIES", "10.0.0.0/8, proxy.internal", "give addresses or networks between commas"),
    ("MARQUEE_TRUSTED_PROXIES", "10.0.0.1,*", "give addresses or networks between commas"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG_SETTINGS)
def test_wrong_settings_are_named_and_not_printed(
    environment: pytest.MonkeyPatch, name: str, value: str | None, message: str
) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(ValidationError, match=message) as refused:
        Settings()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_the_usual_spellings_of_a_database(environment: pytest.MonkeyPatch, scheme: str) -> None:
    environment.setenv("DATABASE_URL", f"{scheme}://u:p+asyncpg@h/d")
    assert Settings().database_url == "postgresql+asyncpg://u:p+asyncpg@h/d"


def test_each_purpose_has_its_own_key() -> None:
    settings = toy.settings("postgresql://x")
    keys = {settings.key(purpose) for purpose in ("caller", "link", "unsubscribe", "")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert settings.key("caller") == toy.settings("postgresql://y").key("caller")
    assert settings.key("caller") != settings.model_copy(update={"secret": toy.settings("postgresql://x").secret}).key(
        "c"
    )


# Errors


def test_problems_have_stable_types() -> None:
    class NoSuchToy(errors.NotFound):
        """There is no such toy

        More words.
        """

    assert NoSuchToy("none is named 'a'", field="name").document() == {
        "type": "/problems/no-such-toy",
        "title": "There is no such toy",
        "status": 404,
        "detail": "none is named 'a'",
        "errors": [{"field": "name", "message": "none is named 'a'"}],
    }


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), FileNotFoundError()])
def test_outages(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize("error", [ValueError(), KeyError("x"), ZeroDivisionError(), RecursionError()])
def test_mistakes_are_not_outages(error: Exception) -> None:
    assert not is_outage(error)


@given(st.text(st.characters() | st.just("\x00")) | st.just("\ud800\x00"))
def test_words_of_an_error_fit_a_column(text: str) -> None:
    written = words(ValueError(text))
    assert "\x00" not in written
    assert len(written) <= 2000
    written.encode()


def test_words_of_a_database_error_hold_neither_statement_nor_row() -> None:
    refused = Exception("<class 'CheckViolation'>: refused\nDETAIL:  Failing row contains (secret).")
    assert words(IntegrityError("INSERT INTO t", {"a": "secret"}, refused)) == (
        "IntegrityError: <class 'CheckViolation'>: refused"
    )
