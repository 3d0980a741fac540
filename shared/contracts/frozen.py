"""JSON schemas of facts and questions, frozen in `schemas/`: a change that would break a reader is refused.

`python -m shared.contracts.frozen` writes the schemas of new facts and of compatible changes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from shared.contracts import FACTS, QUESTIONS

FOLDER = Path(__file__).parent / "schemas"


def schema(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of one shape, with its parts inline under `$defs`."""
    (top,), parts = msgspec.json.schema_components([shape], ref_template="#/$defs/{name}")
    own = parts.pop(shape.__name__, top)
    return {**own, "$defs": parts} if parts else own


def current() -> dict[str, dict[str, Any]]:
    """File name → schema of everything that travels."""
    found = {f"{fact.kind}.json": schema(fact) for fact in FACTS}
    for question in QUESTIONS:
        found[f"ask.{question.subject}.json"] = schema(question)
        found[f"answer.{question.subject}.json"] = schema(question.answer)
    return found


def frozen() -> dict[str, dict[str, Any]]:
    """File name → schema as it was promised."""
    return {path.name: msgspec.json.decode(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}


def breaks(before: dict[str, Any], after: dict[str, Any], at: str = "") -> list[str]:
    """What in `after` would break those who rely on `before`; empty when it only adds optional fields.

    A fact already in the stream must stay readable, and a reader of the old shape must understand the new one: so no
    field may go, change its type, become required, or be added as required.
    """
    problems: list[str] = []
    old_fields, new_fields = before.get("properties", {}), after.get("properties", {})
    for name, old in old_fields.items():
        if name not in new_fields:
            problems.append(f"{at}{name}: removed")
            continue
        new = new_fields[name]
        if _shape(old) != _shape(new):
            problems.append(f"{at}{name}: {_shape(old)} became {_shape(new)}")
    was, now = set(before.get("required", ())), set(after.get("required", ()))
    problems += [f"{at}{name}: became required" for name in sorted(now - was)]
    problems += [f"{at}{name}: is no longer always there" for name in sorted(was - now)]
    for name, old in before.get("$defs", {}).items():
        new = after.get("$defs", {}).get(name)
        problems += [f"{at}{name}: removed"] if new is None else breaks(old, new, f"{at}{name}.")
    return problems


def _shape(field: dict[str, Any]) -> Any:
    """The type of a field without its words and defaults."""
    return {key: value for key, value in field.items() if key not in ("description", "title", "default")}


def main() -> int:
    """Freeze what is new; refuse what breaks."""
    FOLDER.mkdir(exist_ok=True)
    promised = frozen()
    broken = False
    for name in sorted(set(promised) - set(current())):
        sys.stderr.write(f"{name}: removed: readers and streams still have it\n")
        broken = True
    for name, one in current().items():
        for problem in breaks(promised.get(name, {}), one) if name in promised else []:
            sys.stderr.write(f"{name}: {problem}: give the fact a new version instead\n")
            broken = True
    if broken:
        return 1
    for name, one in current().items():
        (FOLDER / name).write_bytes(msgspec.json.format(msgspec.json.encode(one, order="sorted"), indent=2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
