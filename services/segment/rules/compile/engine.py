"""What rules are compiled over: the warehouse's tables, and the few functions of DuckDB that Ibis has no word for.

Another engine needs the same tables, and these functions under its own names; all else is Ibis.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.backends.sql.compilers.duckdb import compiler

from services.segment.schemas.rule import ANY

INSTANT = dt.Timestamp(timezone="UTC")
LOCAL = dt.Timestamp()

events = ibis.table(
    {"event_id": "string", "profile_id": "int64", "event": "string", "time": INSTANT, "properties": "string"},
    name="events",
)
viewers = ibis.table(
    {
        "profile_id": "int64",
        "traits": "string",
        "since": "string",
        "tags": "array<string>",
        "weights": "string",
        "tag_since": "string",
        "scores": "string",
        "consent": "string",
        "consent_since": "string",
        "has": "array<string>",
    },
    name="viewers",
)
"""JSON is text here: what is taken out of it is typed by us, as the language says."""


def named(table: Any, event: str) -> list[Any]:
    """Conditions on events: that they have this name, or none if any name will do."""
    return [] if event == ANY else [table.event == event]


def text(expression: ir.Expr) -> str:
    """DuckDB's SQL of an expression."""
    return str(compiler.to_sqlglot(expression.unbind()).sql(dialect="duckdb"))


def at(moment: datetime) -> Any:
    """An instant as a literal: microseconds, so that no reading of a text is in between."""
    return instant((moment.astimezone(UTC) - _EPOCH) // _MICROSECOND)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = datetime.resolution


def _function(name: str, stub: Callable[..., Any], takes: tuple[Any, ...], gives: Any) -> Callable[..., Any]:
    """A function of the engine, with the types that Ibis must know."""
    made: Callable[..., Any] = ibis.udf.scalar.builtin(stub, name=name, signature=(takes, gives))
    return made


def _aggregate(name: str, stub: Callable[..., Any], takes: tuple[Any, ...], gives: Any) -> Callable[..., Any]:
    made: Callable[..., Any] = ibis.udf.agg.builtin(stub, name=name, signature=(takes, gives))
    return made


OCCURRENCE = dt.Struct({"time": INSTANT, "event_id": dt.string})
"""By which events are ordered: of two at one time the greater event_id is the later one."""

_extract = _function("json_extract", lambda document, path: None, (dt.string, dt.string), dt.JSON())
_elements = _function("json_extract", lambda document, path: None, (dt.string, dt.string), dt.Array(dt.JSON()))
_quoted = _function("to_json", lambda text: None, (dt.string,), dt.JSON())

instant = _function("make_timestamptz", lambda microseconds: None, (dt.int64,), INSTANT)
"""The instant so many microseconds after 1970."""
microseconds = _function("epoch_us", lambda moment: None, (INSTANT,), dt.int64)
"""Microseconds since 1970."""
unquoted = _function("json_extract_string", lambda document, path: None, (dt.string, dt.string), dt.string)
"""The text that a JSON text says."""
local = _function("timezone", lambda zone, moment: None, (dt.string, INSTANT), LOCAL)
"""What clocks of a zone show at an instant."""
absolute = _function("timezone", lambda zone, shown: None, (dt.string, LOCAL), INSTANT)
"""The instant at which clocks of a zone show this; the later one where they show it twice."""
sha256 = _function("sha256", lambda text: None, (dt.string,), dt.string)
"""SHA-256 in hexadecimal digits."""
character = _function("chr", lambda code: None, (dt.int64,), dt.string)
"""The character of a code point: no statement carries a zero byte."""
part = _function("substr", lambda text, start, length: None, (dt.string, dt.int64, dt.int64), dt.string)
"""Part of a text, whose first character is number 1."""

of_first = _aggregate("arg_min", lambda like, order: None, (dt.boolean, OCCURRENCE), dt.boolean)
"""What is so of the first of all."""
of_last = _aggregate("arg_max", lambda like, order: None, (dt.boolean, OCCURRENCE), dt.boolean)
"""What is so of the last of all."""
latest = _aggregate("max", lambda moment, count: None, (INSTANT, dt.int64), dt.Array(INSTANT))
"""The so many latest instants, the latest first."""


def extract(document: Any, path: str) -> Any:
    """The JSON at a JSON pointer, as a text; null where there is none."""
    return _extract(document, path).cast("string")


def unquoted_extract(json: Any) -> Any | None:
    """What `extract` found as the text it says, read at once; null of null. None where `json` is made otherwise."""
    made = json.op()
    if isinstance(made, ops.Cast) and isinstance(made.arg, type(_extract("", "").op())):
        return unquoted(*(one.to_expr() for one in made.arg.args))
    return None


def elements(document: Any) -> Any:
    """The JSON of every element of a list, as texts."""
    return _elements(document, "$[*]").cast("array<string>")


def quoted(text: str) -> Any:
    """A text as JSON, exactly as `extract` gives it."""
    return _quoted(text).cast("string")


def bits(digest: Any) -> Any:
    """The first 53 bits of a hexadecimal digest, as a number."""
    # 13 digits are 52 bits; the first bit of the next digit is the 53rd
    head = (ibis.literal("0x") + part(digest, 1, 13)).cast("int64")
    return head * 2 + part(digest, 14, 1).isin(list("89abcdef")).cast("int64")
