"""From an SDK's bytes to shapes: strict JSON, and a second try for a batch that is only nearly JSON."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from gateway.rules.events.refusals import Refused
from gateway.rules.events.shapes import Batch, Keyed

DEPTH = 20
"""Objects and lists may nest this deep, the event itself counted."""

Shape = TypeVar("Shape")

_batch = msgspec.json.Decoder(Batch)
_keyed = msgspec.json.Decoder(Keyed)
_any = msgspec.json.Decoder()


def write_key(body: bytes) -> str | None:
    """The `writeKey` in a body, None where there is none; Refused when the body is not a JSON object."""
    try:
        return _keyed.decode(body).write_key
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        mended = _mended(body, error)
        key = mended.get("writeKey")
        return key if isinstance(key, str) else None


def read(raw: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """One JSON object as its shape, without NUL and not too deep; Refused else."""
    try:
        told = decoder.decode(raw)
        _safe(raw)
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, "invalid_json", f"not JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep("") from error
    return told


def batch(body: bytes) -> tuple[Batch, dict[int, Refused]]:
    """A batch, and which of its events are no JSON; Refused when the body as a whole is not a batch."""
    try:
        return _batch.decode(body), {}
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # One NaN or half a surrogate in one event (Python's json writes both) makes the whole body something else than
        # JSON. Read it once more with the lenient reader, so that the others are not lost with it.
        return _lenient(_mended(body, error))


def _safe(raw: bytes) -> None:
    """Refuse what no database takes (NUL) and what was made to hurt (nesting). Two scans tell the usual case."""
    if b"\\u0000" not in raw and raw.count(b"{") + raw.count(b"[") <= DEPTH:
        return
    waiting: list[tuple[Any, str, int]] = [(_any.decode(raw), "", 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, str):
            if "\x00" in value:
                raise Refused(400, "invalid_text", "text must not contain NUL", field=path or None)
        elif isinstance(value, (dict, list)):
            if depth > DEPTH:
                raise _too_deep(path)
            if isinstance(value, dict):
                for key, inner in value.items():
                    if "\x00" in key:
                        raise Refused(400, "invalid_text", "names must not contain NUL", field=path or None)
                    waiting.append((inner, f"{path}.{key}" if path else key, depth + 1))
            else:
                waiting.extend((inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value))


def _too_deep(path: str) -> Refused:
    short = path if len(path) <= 80 else path[:80] + "…"
    return Refused(400, "too_deep", f"objects and lists may nest {DEPTH} deep", field=short or None)


def _wrong_type(error: msgspec.ValidationError) -> Refused:
    """msgspec says `Expected `str | null`, got `int` - at `$.userId``; the path becomes our field."""
    message, _, path = str(error).partition(" - at `$")
    field = path.rstrip("`").lstrip(".") or None
    return Refused(400, "wrong_type", f"{message.replace('`', '')}{f' at {field}' if field else ''}", field=field)


def _mended(body: bytes, error: Exception) -> dict[str, Any]:
    """A body as Python's lenient JSON reader understands it; Refused when that fails too."""
    if isinstance(error, RecursionError):
        raise _too_deep("") from error
    try:
        mended = json.loads(body)
    except RecursionError as deep:
        raise _too_deep("") from deep
    except ValueError as still:
        raise Refused(400, "invalid_json", f"not JSON: {still}") from still
    if not isinstance(mended, dict):
        raise Refused(400, "wrong_type", "Expected object")
    return mended


def _lenient(mended: dict[str, Any]) -> tuple[Batch, dict[int, Refused]]:
    """The batch of a body that is only nearly JSON, and which of its events are to blame."""
    listed = mended.pop("batch", None)
    if not isinstance(listed, list):
        raise Refused(400, "wrong_type", "Expected array at batch", field="batch")
    try:
        head = msgspec.convert({**mended, "batch": []}, Batch)
    except msgspec.ValidationError as error:
        raise _wrong_type(error) from error
    _strict(head.context)
    broken: dict[int, Refused] = {}
    raws: list[msgspec.Raw] = []
    for index, event in enumerate(listed):
        try:
            raws.append(msgspec.Raw(_strict(event)))
        except Refused as reason:
            broken[index] = reason
            named = event.get("messageId") if isinstance(event, dict) else None
            raws.append(msgspec.Raw(json.dumps({"messageId": named if isinstance(named, str) else None}).encode()))
    head.batch = raws
    return head, broken


def _strict(value: Any) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Refused(400, "invalid_text", "text has half of a surrogate pair") from error
    except ValueError as error:
        raise Refused(400, "invalid_number", "NaN and infinity are not JSON") from error
