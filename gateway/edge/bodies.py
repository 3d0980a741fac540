"""Bodies from strangers: read while they stream, unpacked while they grow, never larger than allowed."""

from __future__ import annotations

import zlib

from starlette.types import Receive, Scope

from gateway.rules.events import Refused

RATIO = 100
"""JSON of a real batch packs up to about 30 times; deflate reaches 1,030 on zeroes."""

_GZIP = 16 + zlib.MAX_WBITS
_FREE = 16 * 1024  # below this a ratio says nothing


class Gone(Exception):
    """The client went away before its body was complete."""


async def read(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """The whole body, unpacked, of at most `limit` bytes; Refused 413 as soon as it is longer, 400 when not gzip."""
    encoding = ""
    for name, value in scope["headers"]:
        if name == b"content-length":
            if value.isdigit() and int(value) > limit:
                raise _too_large(limit)
        elif name == b"content-encoding":
            encoding = value.decode("latin-1").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Refused(415, "unsupported_encoding", "Content-Encoding must be gzip or identity")
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        chunks = [body]
        size = len(body)
        while message.get("more_body") and size <= limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
        body = b"".join(chunks)
    if len(body) > limit:
        raise _too_large(limit)
    return unpack(body, limit=limit) if encoding in ("gzip", "x-gzip") else body


def unpack(packed: bytes, *, limit: int) -> bytes:
    """One gzip member of at most `limit` bytes; memory stays within that, whatever the bytes claim."""
    reader = zlib.decompressobj(_GZIP)
    try:
        body = reader.decompress(packed, limit + 1)
    except zlib.error as error:
        raise Refused(400, "invalid_gzip", f"not gzip: {error}") from error
    if len(body) > limit:
        raise _too_large(limit)
    if not reader.eof or reader.unused_data:
        raise Refused(400, "invalid_gzip", "not gzip: truncated, or something follows it")
    if len(body) > _FREE and len(body) > RATIO * len(packed):
        raise Refused(413, "packed_too_well", f"a body may unpack to {RATIO} times its size")
    return body


def _too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"the body may have {limit} bytes")
