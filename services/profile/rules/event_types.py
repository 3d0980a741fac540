"""The tracking plan: what the properties of each event must be like, and what happens to an event that differs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import jsonschema_rs
import msgspec

from services.profile.rules import contacts
from services.profile.rules.catalogue import KNOWN, RECOMMENDED, Schema

Mode = Literal["observe", "refuse", "strip"]
"""observe: kept, and the violation counted; refuse: to the refused events; strip: unknown properties are removed."""

ANY = "*"
"""The event type that stands for every name without a type of its own."""

BYTES = 32 * 1024
"""Longest schema, as JSON."""

DEPTH = 24
"""Levels of objects and lists in a schema."""

WORK = 5000
"""Parts of a schema once its references are written out: what one event may cost at most."""

EXCERPT = 200
"""Characters of a value that are shown with a violation."""

# The engine that matches in linear time: it knows no look-around and no back-references, so no pattern can be made to
# hurt. The limit bounds what repetitions of repetitions unfold to.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)

_ONE = ("not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames", "additionalItems")
_ONE_MORE = ("unevaluatedItems", "unevaluatedProperties", "contentSchema")
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_FORBIDDEN = (
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$id",
    "id",
    "$anchor",
    "$vocabulary",
)


class BadSchema(ValueError):
    """A schema that cannot be used; `path` says where."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.path = path


class Violation(NamedTuple):
    """The first thing about an event that is not as its type says. `rule` is the place in the schema."""

    reason: str
    path: str
    rule: str
    excerpt: str


class Wanted(NamedTuple):
    """What operators said of an event type, or the catalogue; `own` is False for what nobody has changed."""

    name: str
    mode: Mode
    description: str
    schema: Schema
    own: bool


class Compiled(NamedTuple):
    """An event type, ready to judge."""

    mode: Mode
    schema: Schema
    valid: Callable[[Any], bool]
    validator: Any
    expected: Mapping[str, frozenset[type]]
    """Properties by which completeness is judged, with the types they may have; none: any."""


class Plan(NamedTuple):
    """Every event type by name; `unknown` refuses events of other names."""

    version: int
    types: Mapping[str, Compiled]
    refuses_unknown: bool


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def expected(name: str, schema: Schema) -> dict[str, frozenset[type]]:
    """Which properties an event of this type should have: those it needs, and those recommended for it, if it has them.

    A property without a plain `type` in the schema may be anything here; the schema as a whole judges the event.
    """
    properties = schema.get("properties")
    its: Mapping[str, Any] = properties if isinstance(properties, dict) else {}
    needed = schema.get("required")
    names = [one for one in needed if isinstance(one, str)] if isinstance(needed, list) else []
    names += [one for one in RECOMMENDED.get(name, ()) if one in its and one not in names]
    return {one: _types(its.get(one)) for one in names}


def _types(schema: Any) -> frozenset[type]:
    said = schema.get("type") if isinstance(schema, dict) else None
    words = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    return frozenset(kind for word in words for kind in _TYPES.get(word, ()))


UNKNOWN = Violation("no event type has this name, and unknown names are refused", "event", "*", "")


def merged(changed: Iterable[Wanted]) -> dict[str, Wanted]:
    """The catalogue with what operators changed and added, by name."""
    plan = {one.name: Wanted(one.name, "observe", one.description, one.schema, own=False) for one in KNOWN.values()}
    plan[ANY] = Wanted(ANY, "observe", "Every event whose name has no type of its own", {}, own=False)
    return plan | {one.name: one for one in changed}


def compiled(version: int, changed: Iterable[Wanted]) -> Plan:
    """The plan, ready to judge. Raises BadSchema, which `checked` has made impossible for what was saved."""
    wanted = merged(changed)
    unknown = wanted.pop(ANY)
    types: dict[str, Compiled] = {}
    for name, one in wanted.items():
        validator = _validator(one.schema)
        types[name] = Compiled(one.mode, one.schema, validator.is_valid, validator, expected(name, one.schema))
    return Plan(version, types, unknown.mode == "refuse")


def checked(schema: Schema) -> None:
    """Raise BadSchema unless this is a JSON Schema (2020-12) that every event can be judged by, quickly and at home.

    At most 32 KB; references only to its own `#/$defs/…`, not in a circle; patterns without look-around and
    back-references.
    """
    size = len(msgspec.json.encode(schema))
    if size > BYTES:
        raise BadSchema(f"a schema may have {BYTES} bytes, this one has {size}")
    if schema.get("type", "object") != "object":
        raise BadSchema('properties are an object: type must be "object"', "type")
    _walk(schema, schema, "", (), _Budget())
    _validator(schema)


def _validator(schema: Schema) -> Any:
    try:
        return jsonschema_rs.Draft202012Validator(schema, mask="the value", pattern_options=_PATTERNS, offline=True)
    except jsonschema_rs.ValidationError as error:
        path = _path(error.instance_path)
        wrong = error.message
        if "regex" in wrong:
            wrong += ": look-around, back-references and patterns that unfold too far are not supported"
        raise BadSchema(wrong[:500], path) from error
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise BadSchema(str(error)[:500]) from error


class _Budget:
    left = WORK


def _walk(whole: Schema, part: Any, path: str, refs: tuple[str, ...], budget: _Budget) -> None:
    """Look at a schema as the validator will, with its references written out."""
    budget.left -= 1
    if budget.left < 0:
        raise BadSchema(f"with its references written out the schema has more than {WORK} parts", path)
    if path.count(".") > DEPTH:
        raise BadSchema(f"a schema may nest {DEPTH} deep", path)
    if not isinstance(part, dict):
        return
    for word in _FORBIDDEN:
        if word in part:
            raise BadSchema(f"{word} is not supported here", _joined(path, word))
    if "$ref" in part:
        ref = part["$ref"]
        at = _joined(path, "$ref")
        if not isinstance(ref, str) or not ref.startswith(("#/$defs/", "#/definitions/")):
            raise BadSchema("a reference must point to #/$defs/… of this schema", at)
        if ref in refs:
            raise BadSchema("references go round in a circle", at)
        _, section, name = ref.split("/", 2)
        target = whole.get(section)
        if not isinstance(target, dict) or name not in target:
            raise BadSchema(f"nothing stands at {ref}", at)
        _walk(whole, target[name], at, (*refs, ref), budget)
    for word in (*_ONE, *_ONE_MORE):
        if isinstance(part.get(word), dict):
            _walk(whole, part[word], _joined(path, word), refs, budget)
    for word in _MANY:
        if isinstance(part.get(word), list):
            for index, one in enumerate(part[word]):
                _walk(whole, one, f"{_joined(path, word)}[{index}]", refs, budget)
    for word in _NAMED:
        if isinstance(part.get(word), dict):
            for name, one in part[word].items():
                _walk(whole, one, _joined(_joined(path, word), name), refs, budget)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def violation(its: Compiled, properties: Mapping[str, Any]) -> Violation:
    """What is wrong with these properties; they are known not to be valid."""
    error = next(iter(its.validator.iter_errors(properties)))
    place = list(error.instance_path)
    missing = error.kind.as_dict().get("property") if error.kind.name == "required" else None
    if isinstance(missing, str):
        place.append(missing)
    name = next((one for one in reversed(place) if isinstance(one, str)), "")
    excerpt = "" if missing is not None else _excerpt(name, error.instance)
    rule = "/".join(map(str, error.schema_path))
    return Violation(error.message[:300], _joined("properties", _path(place)).rstrip("."), rule[:300], excerpt)


def _excerpt(name: str, value: Any) -> str:
    if contacts.has_secret(value, name):
        return "•••"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def _path(place: Iterable[str | int]) -> str:
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path[:300]


def stripped(schema: Schema, value: Any) -> Any:
    """The value without the properties that its schema does not name; the same object when all are named.

    Objects and lists inside are looked into where the schema describes them by `properties` and `items`.
    """
    if isinstance(value, dict):
        described = schema.get("properties")
        if not isinstance(described, dict) or "patternProperties" in schema:
            return value
        clean = {name: _inside(described[name], inner) for name, inner in value.items() if name in described}
        same = len(clean) == len(value) and all(clean[name] is value[name] for name in clean)
        return value if same else clean
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        items = [_inside(schema["items"], inner) for inner in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def _inside(schema: Any, value: Any) -> Any:
    return stripped(schema, value) if isinstance(schema, dict) and isinstance(value, dict | list) else value


def names(types: Iterable[str], after: str | None) -> Iterator[str]:
    """Names in the order of lists, after that one."""
    return (name for name in sorted(types) if after is None or name > after)
