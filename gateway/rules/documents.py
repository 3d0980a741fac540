"""One OpenAPI document out of many: paths side by side, components renamed where two mean different things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(own: dict[str, Any], others: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """`own` with the paths and components of each service's document; a path that `own` has already stays as it is."""
    document = {**own, "paths": dict(own.get("paths", {}))}
    components: dict[str, dict[str, Any]] = {
        section: dict(parts) for section, parts in own.get("components", {}).items()
    }
    for service, other in sorted(others.items()):
        renamed: dict[str, str] = {}
        told = other.get("components", {})
        for section, parts in told.items():
            present = components.setdefault(section, {})
            for name, part in parts.items():
                if name in present and present[name] != part:
                    renamed[f"#/components/{section}/{name}"] = f"#/components/{section}/{service}.{name}"
        for section, parts in told.items():
            for name, part in parts.items():
                at = f"#/components/{section}/{name}"
                target = renamed.get(at, at).rpartition("/")[2]
                components[section][target] = _pointed(part, renamed)
        for path, item in other.get("paths", {}).items():
            document["paths"].setdefault(path, _owned(_pointed(item, renamed), service))
    if components:
        document["components"] = components
    return document


_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "Stable: decide by it"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_KEYS = {
    "secretKey": {"type": "http", "scheme": "bearer", "description": "A secret key, sk_…, for internal tools"},
    "writeKey": {"type": "http", "scheme": "basic", "description": "A write key, pk_…, as user name; no password"},
}
_BY_WRITE_KEY = {"events", "decisions"}


def finished(document: dict[str, Any]) -> dict[str, Any]:
    """The document with what the code does not say by itself: who may call, what errors look like, better titles."""
    components = dict(document.get("components", {}))
    schemas = {
        name: part
        for name, part in components.get("schemas", {}).items()
        if not name.endswith(("HTTPValidationError", "ValidationError"))
    }
    paths = {
        path: {
            method: _told(path, operation) if isinstance(operation, dict) and "responses" in operation else operation
            for method, operation in item.items()
        }
        for path, item in document["paths"].items()
    }
    components |= {"schemas": {**schemas, "Problem": _PROBLEM}, "securitySchemes": _KEYS}
    return {**document, "paths": paths, "components": components}


def _told(path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """One operation with its key, its errors as problems, and the first line of its description as title."""
    told = {**operation}
    if lines := str(operation.get("description", "")).strip().splitlines():
        told["summary"] = lines[0].rstrip(".")
    if path.startswith("/v1/"):
        by_write_key = bool(_BY_WRITE_KEY & set(operation.get("tags", ())))
        told["security"] = [{"writeKey" if by_write_key else "secretKey": []}]
        if not by_write_key:
            problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            responses = {status: answer for status, answer in operation["responses"].items() if status != "422"}
            told["responses"] = {**responses, "4XX": {"description": "A problem (RFC 9457)", "content": problem}}
    return told


def _pointed(value: Any, renamed: Mapping[str, str]) -> Any:
    """A copy with every reference pointing to the new name."""
    if isinstance(value, dict):
        return {
            name: renamed.get(inner, inner) if name == "$ref" and isinstance(inner, str) else _pointed(inner, renamed)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_pointed(inner, renamed) for inner in value]
    return value


def _owned(item: Any, service: str) -> Any:
    """The operations of a path, tagged with their service and with ids that cannot meet another's."""
    if not isinstance(item, dict):
        return item
    owned: dict[str, Any] = {}
    for method, operation in item.items():
        if isinstance(operation, dict) and "responses" in operation:
            operation = {**operation, "tags": operation.get("tags") or [service]}
            if "operationId" in operation:
                operation["operationId"] = f"{service}_{operation['operationId']}"
        owned[method] = operation
    return owned
