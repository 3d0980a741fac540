"""Liquid templates: foreign text that is compiled when saved and rendered within limits, over plain data only."""

from __future__ import annotations

import difflib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from liquid import Environment, RenderContext
from liquid.exceptions import LiquidError, OutputStreamLimitError, ResourceLimitError, UndefinedError
from liquid.template import BoundTemplate
from liquid.undefined import FalsyStrictUndefined, Undefined

from services.campaign.rules import mjml, plain
from services.campaign.rules.letters import Text

Missing = Literal["blank", "skip"]

_ALWAYS = ("profile", "campaign", "unsubscribe_url")

ROOTS: dict[str, tuple[str, ...]] = {
    "segment_entered": (*_ALWAYS, "segment"),
    "segment_left": (*_ALWAYS, "segment"),
    "event": (*_ALWAYS, "event"),
    "bus": (*_ALWAYS, "trigger"),
    "manual": _ALWAYS,
}
"""What a template may name, by the kind of its campaign's trigger. Liquid itself adds `now` and `today`."""

LOOPS = 1000
LOCALS_BYTES = 20_000
OUTPUT_BYTES = 200_000
DIGITS_BITS = 4096
CPU_SECONDS = 0.5
"""Thread time, not wall time: a busy machine must not fail a message."""


class TooMuch(ResourceLimitError):
    """A template asked for more memory or time than a message is worth."""


class Fault(Exception):
    """What is wrong with a template, and on which line (1-based). `missing`: it showed a value that is not there."""

    def __init__(self, message: str, line: int | None = None, *, missing: bool = False) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.missing = missing


class _Lacking(FalsyStrictUndefined):
    """A missing value that may be tested (`if`) and replaced (`default`), and stops the message when it is shown."""

    force_liquid_default = True


class _Context(RenderContext):
    """Counts the rounds of all loops of one rendering, where the library counts each nest by itself."""

    rounds = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        super().raise_for_loop_limit(length)
        self.rounds += length
        if self.rounds > 5 * LOOPS:
            raise TooMuch("too many loop rounds", token=None)
        _in_time(self.env)


class _Template(BoundTemplate):
    context_class = _Context


class _Templates(Environment):
    """Liquid without files (`include`, `render`), with a bound on everything that can grow."""

    loop_iteration_limit = LOOPS
    local_namespace_limit = LOCALS_BYTES
    output_stream_limit = OUTPUT_BYTES
    template_class = _Template
    deadline = float("inf")

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in ("include", "render"):
            self.tags.pop(tag)
        for name, function in self.filters.items():
            self.filters[name] = _bounded(self, name, function)


def _in_time(environment: Environment) -> None:
    if isinstance(environment, _Templates) and time.thread_time() > environment.deadline:
        raise TooMuch("the template takes too long", token=None)


def _bounded(environment: _Templates, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, refusing work whose result would not fit: some filters multiply sizes before any stream sees them."""

    @functools.wraps(function)  # keeps the marks by which the library passes its environment
    def bounded(value: object, *arguments: Any, **options: Any) -> Any:
        _in_time(environment)
        for given in (value, *arguments):
            _fits(given)
        if name.startswith("replace") and arguments:
            sought, put = str(arguments[0]), str(arguments[1]) if len(arguments) > 1 else ""
            _bound(len(str(value)) + str(value).count(sought) * len(put))
        if name == "join" and isinstance(value, list | tuple | range):
            _bound(len(value) * len(str(arguments[0]) if arguments else " ") + _length(value))
        result = function(value, *arguments, **options)
        _fits(result)
        return result

    return bounded


def _fits(value: object) -> None:
    if isinstance(value, Undefined):
        return  # even asking one for its class would raise
    if isinstance(value, str):
        _bound(len(value))
    elif isinstance(value, range):
        if value.stop - value.start > LOOPS:  # len() overflows on the largest
            raise TooMuch("the range is too long", token=None)
    elif isinstance(value, list | tuple):
        _bound(_length(value))
    elif isinstance(value, int) and value.bit_length() > DIGITS_BITS:
        raise TooMuch("the number is too large", token=None)


def _length(values: list[Any] | tuple[Any, ...] | range) -> int:
    return sum(len(value) if isinstance(value, str) else 1 for value in values)


def _bound(size: int) -> None:
    if size > OUTPUT_BYTES:
        raise OutputStreamLimitError("the text grows too long", token=None)


@functools.cache
def _environment(*, html: bool, missing: Missing) -> _Templates:
    return _Templates(autoescape=html, undefined=_Lacking if missing == "skip" else Undefined)


@functools.lru_cache(maxsize=512)
def compiled(source: str, *, html: bool, missing: Missing) -> BoundTemplate:
    """The template of one field, or a `Fault` with its line. `html` escapes every value that is put in."""
    environment = _environment(html=html, missing=missing)
    try:
        return environment.from_string(source)
    except LiquidError as error:
        if isinstance(error.__cause__, RecursionError):
            raise Fault("the template is nested too deeply") from error
        raise Fault(_said(error), _line(error) or source.count("\n") + 1) from error


@dataclass(frozen=True)
class Templates:
    """The templates of one version of a campaign."""

    subject: str | None
    body: str
    html: str | None
    missing: Missing
    link: str | None = None


def message(sources: Templates, values: Mapping[str, object]) -> Text:
    """The message for one viewer. Raises `Fault`, which names the field."""
    fields: dict[str, str] = {}
    said = (("subject", sources.subject), ("body", sources.body), ("html", sources.html), ("link", sources.link))
    for field, source in said:
        if source is None:
            continue
        try:
            fields[field] = rendered(compiled(source, html=field == "html", missing=sources.missing), values)
        except Fault as fault:
            raise Fault(f"{field}: {fault}", missing=fault.missing) from fault
    return Text(fields.get("subject"), fields["body"], fields.get("html"), fields.get("link"))


def as_html(source: str) -> str:
    """The HTML template of an e-mail, also where it was written as MJML. Raises `Fault`."""
    try:
        return mjml.html(source)
    except mjml.Broken as error:
        raise Fault(str(error)) from error


def checked(source: str, *, html: bool, kind: str) -> None:
    """Refuse with a `Fault` what cannot compile, names what will never exist, or is too much even without data."""
    template = compiled(source, html=html, missing="blank")
    used = template.analyze(include_partials=False)
    for name, places in used.filters.items():
        if name not in template.env.filters:
            raise Fault(f"there is no filter {name!r}", places[0].line_col(source)[0])
    for name, uses in used.globals.items():
        if name not in (*ROOTS[kind], "now", "today"):
            near = difflib.get_close_matches(name, ROOTS[kind], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(ROOTS[kind])}"
            raise Fault(f"{name!r} is not known here, {hint}", uses[0].span.line_col(source)[0])
    try:
        rendered(template, {root: {} for root in ROOTS[kind]})
    except Fault as fault:
        if isinstance(fault.__cause__, ResourceLimitError):
            raise


def rendered(template: BoundTemplate, values: Mapping[str, object]) -> str:
    """The text. `values` are plain dicts, lists, strings and numbers: Liquid reads items, never attributes.

    Raises `Fault`. What a template may do to Python (an error of arithmetic, of dates, of depth) is the template's
    fault, so that one bad template cannot stop the sending of the others.
    """
    environment = template.env
    quick = plain.written(template, values, html=environment.autoescape, most=OUTPUT_BYTES)
    if quick is not None:
        return quick
    if isinstance(environment, _Templates):
        environment.deadline = time.thread_time() + CPU_SECONDS
    try:
        return template.render(**values)
    except LiquidError as error:
        raise Fault(_said(error), _line(error), missing=isinstance(error, UndefinedError)) from error
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}") from error


def _said(error: LiquidError) -> str:
    return str(error.message or type(error).__name__)


def _line(error: LiquidError) -> int | None:
    try:
        context = error.context()
    except ValueError:  # the library cannot place an error at the very end of a text
        return error.token.source.count("\n") + 1 if error.token else None
    return context[0] if context else None
