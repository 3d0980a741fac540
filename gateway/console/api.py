"""Client of the gateway: small typed calls for what pages need, and every refusal as one readable error.

A page that needs a call nobody has made yet adds a function here, or uses `get`, `post` … of its desk's `Api` directly:
`await desk.api.get("/v1/segments", limit=50)`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from httpx_aiohttp import AiohttpTransport

from shared import tokens

ADDRESS = "console address"
VOUCHED = "x-marquee-address"
"""Purpose of the key, and the header, with which the console tells the gateway where its user is."""


@dataclass
class ApiError(Exception):
    """What the gateway refused, in its own words: `type` is stable (`/problems/…`), `fields` says what and why."""

    status: int
    type: str
    title: str
    detail: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    retry_after: int | None = None

    def __str__(self) -> str:
        return f"{self.title}: {self.detail}" if self.detail else self.title


AWAY = "/problems/gateway-away"
SLOW = "/problems/gateway-slow"


def client(gateway_url: str) -> httpx.AsyncClient:
    """The one HTTP client of this process."""
    return httpx.AsyncClient(
        base_url=gateway_url.rstrip("/"),
        transport=AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=64, keepalive_expiry=15.0)),
        timeout=httpx.Timeout(60.0, connect=2.0, pool=10.0),
        trust_env=False,
    )


class Api:
    """The gateway, called by one operator."""

    def __init__(
        self, http: httpx.AsyncClient, token: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self._http = http
        self._headers = dict(headers or {})
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def get(self, path: str, **query: Any) -> Any:
        """GET; query values that are None are left out. Raises ApiError, as all calls do."""
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """POST a JSON body."""
        return await self._call("POST", path, body=body, query=query)

    async def put(self, path: str, body: Any, **query: Any) -> Any:
        """PUT a JSON body."""
        return await self._call("PUT", path, body=body, query=query)

    async def edition(self, path: str) -> tuple[Any, str]:
        """GET; what is there, and its ETag, by which a change can say what it was made of."""
        answer = await self._ask("GET", path)
        return answer.json(), answer.headers.get("etag", "")

    async def change(self, path: str, body: Any, *, of: str | None) -> tuple[Any, str]:
        """PUT a change of that edition, or (None) of what is not there yet; what came of it, with its ETag.

        Raises ApiError 412 when it is another one by now, or there already.
        """
        condition = {"If-None-Match": "*"} if of is None else {"If-Match": of}
        answer = await self._ask("PUT", path, body=body, headers=condition)
        return answer.json(), answer.headers.get("etag", "")

    async def patch(self, path: str, body: Any) -> Any:
        """PATCH with a JSON body."""
        return await self._call("PATCH", path, body=body)

    async def delete(self, path: str, **query: Any) -> Any:
        """DELETE."""
        return await self._call("DELETE", path, query=query)

    async def send(self, path: str, content: bytes, *, kind: str, **query: Any) -> Any:
        """POST a file as it is; `kind` is its media type."""
        return await self._call("POST", path, content=content, kind=kind, query=query)

    async def every(self, path: str, *, most: int = 1000, **query: Any) -> list[dict[str, Any]]:
        """Items of all pages of a list, at most so many."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < most:
            page = await self.get(path, **{"limit": min(200, most - len(found)), **query, "cursor": cursor})
            found += page["items"]
            cursor = page.get("next")
            if cursor is None:
                break
        return found

    async def _call(self, method: str, path: str, **asked: Any) -> Any:
        answer = await self._ask(method, path, **asked)
        return answer.json() if answer.content else None

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        kind: str = "",
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        params = {name: value for name, value in (query or {}).items() if value is not None}
        sent = {**self._headers, **(headers or {}), **({"Content-Type": kind} if kind else {})}
        try:
            answer = await self._http.request(method, path, params=params, json=body, content=content, headers=sent)
        except (httpx.HTTPError, OSError) as error:
            raise _unreachable(error) from error
        if answer.is_success:
            return answer
        raise refused(answer)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, **query: Any) -> AsyncIterator[httpx.Response]:
        """An answer as it comes, for files."""
        params = {name: value for name, value in query.items() if value is not None}
        try:
            async with self._http.stream("GET", path, params=params, headers=self._headers) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refused(answer)
                yield answer
        except (httpx.HTTPError, OSError) as error:
            raise _unreachable(error) from error


def _unreachable(error: Exception) -> ApiError:
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return ApiError(504, SLOW, "The gateway did not answer in time")
    return ApiError(503, AWAY, "The gateway does not answer", str(error)[:200])


def refused(answer: httpx.Response) -> ApiError:
    """The problem of an answer; also when it is none of ours."""
    try:
        told = answer.json()
        fields = {str(one["field"]): str(one["message"]) for one in told.get("errors", ())}
        title, kind, detail = str(told["title"]), str(told.get("type", "")), str(told.get("detail", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        fields, title, kind, detail = {}, f"HTTP {answer.status_code}", "", answer.text[:300]
    wait = answer.headers.get("retry-after", "")
    return ApiError(answer.status_code, kind, title, detail, fields, int(wait) if wait.isdigit() else None)


def vouch(key: bytes, address: str) -> dict[str, str]:
    """The header that tells the gateway, signed, from where a sign-in comes."""
    return {VOUCHED: tokens.sign(key, {"address": address, "at": time.time()})}


def ref(value: str | int) -> str:
    """A viewer's ref or another key as one part of a path."""
    return quote(str(value), safe=":")
