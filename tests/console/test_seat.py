"""The cookie, where one goes after signing in, and errors of the API as pages need them."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console import api, seat

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.text(max_size=200))
def test_a_cookie_is_read_by_who_sealed_it_only(token: str) -> None:
    sealed = seat.seal(KEY, token)
    assert seat.unseal(KEY, sealed) == token
    assert seat.unseal(OTHER, sealed) is None
    assert sealed != seat.seal(KEY, token)


@given(st.text(max_size=100))
def test_nothing_else_is_a_cookie(value: str) -> None:
    assert seat.unseal(KEY, value) is None


@given(st.binary(min_size=1, max_size=3), st.integers(0, 40))
def test_a_changed_cookie_is_none(change: bytes, place: int) -> None:
    import base64

    raw = bytearray(base64.urlsafe_b64decode(seat.seal(KEY, "ses_0123456789")))
    before = bytes(raw)
    raw[place % len(raw) : place % len(raw) + len(change)] = change
    if bytes(raw) != before:
        assert seat.unseal(KEY, base64.urlsafe_b64encode(bytes(raw)).decode()) is None


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("/people?q=a", "/people?q=a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_one_goes_on_inside_the_console(target: str | None, inside: str) -> None:
    assert seat.inside(target) == inside


def test_a_problem_is_read_with_its_fields() -> None:
    told = {
        "type": "/problems/invalid",
        "title": "The request is not valid",
        "detail": "name: is missing",
        "errors": [{"field": "name", "message": "is missing"}],
    }
    error = api.refused(httpx.Response(422, json=told, headers={"retry-after": "7"}))
    assert (error.type, error.fields, error.retry_after) == ("/problems/invalid", {"name": "is missing"}, 7)
    strange = api.refused(httpx.Response(502, text="<html>"))
    assert (strange.status, strange.title, strange.detail) == (502, "HTTP 502", "<html>")


async def test_a_gateway_that_is_away_is_an_error_like_any() -> None:
    async with api.client("http://127.0.0.1:9") as http:
        with pytest.raises(api.ApiError) as caught:
            await api.Api(http, "ses_x").get("/v1/sessions/current")
    assert (caught.value.status, caught.value.type) == (503, api.AWAY)
