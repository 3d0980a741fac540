"""The bus described: an AsyncAPI 3.0 document generated from the contracts."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.contracts import FACTS, PARTITIONS, QUESTIONS
from shared.contracts.frozen import schema
from shared.contracts.wire import Fact


def document(version: str = "1") -> dict[str, Any]:
    """The whole document as plain data. Schemas are inlined per message under `components.messages`."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for fact in FACTS:
        name = fact.kind
        messages[name] = {
            "name": name,
            "title": fact.__name__,
            "summary": _first_line(fact),
            "contentType": "application/json",
            "payload": _TRIGGER if fact.stream == "TRIGGERS" else _envelope(fact),
        }
        channels[name] = {
            "address": _address(fact),
            "title": fact.__name__,
            "description": f"Stream {fact.stream}, told by {fact.owner}",
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            **_parameters(fact),
        }
        operations[f"tell.{name}"] = _operation("send", name, f"{fact.owner} tells it")
    for question in QUESTIONS:
        name = f"ask.{question.subject}"
        answer = f"answer.{question.subject}"
        messages[name] = _plain(question, name)
        messages[answer] = _plain(question.answer, answer)
        of_all = "." not in question.subject
        address = f"ask.{{service}}.{question.subject}" if of_all else name
        channels[name] = {
            "address": address,
            "description": "Request and reply over core NATS",
            "messages": {
                name: {"$ref": f"#/components/messages/{name}"},
                answer: {"$ref": f"#/components/messages/{answer}"},
            },
        }
        if of_all:
            channels[name]["parameters"] = {"service": {"description": "Whom to ask"}}
        operations[name] = {
            **_operation("send", name, _first_line(question)),
            "reply": {
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{answer}"}],
            },
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Marquee's bus",
            "version": version,
            "description": (
                "Facts travel in messages of one kind and one partition; `n` rises by one per producer and partition. "
                f"There are {PARTITIONS} partitions."
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _one_or_many(kind: str) -> dict[str, Any]:
    return {"oneOf": [{"type": kind}, {"type": "array", "items": {"type": kind}, "maxItems": 1000}]}


_TRIGGER = {
    "type": "object",
    "description": (
        "A bare JSON object, not a message of the house: whom it is about (one or many, by one of the three), and "
        "whatever else a template shall show. Publish it with the user `external`, the inbox prefix "
        "`_INBOX_external` and a `Nats-Msg-Id` header, which makes a repeat harmless."
    ),
    "properties": {
        "userId": _one_or_many("string"),
        "anonymousId": _one_or_many("string"),
        "profile_id": _one_or_many("integer"),
    },
    "additionalProperties": True,
}


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{channel}"}],
    }


def _address(fact: type[Fact]) -> str:
    if fact.stream == "INTAKE":
        return "intake.{part}"
    if fact.stream == "TRIGGERS":
        return "triggers.{name}"
    return f"facts.{{part}}.{fact.kind}" if fact.stream == "FACTS" else f"things.{fact.kind}"


def _parameters(fact: type[Fact]) -> dict[str, Any]:
    if fact.stream == "THINGS":
        return {}
    if fact.stream == "TRIGGERS":
        return {"parameters": {"name": {"description": "The trigger's name, as campaigns refer to it"}}}
    of = "anonymousId, else userId" if fact.stream == "INTAKE" else "profile_id"
    return {"parameters": {"part": {"description": f"Partition by {of}, 0 to {PARTITIONS - 1}"}}}


def _envelope(fact: type[Fact]) -> dict[str, Any]:
    text = {"type": "string"}
    number = {"type": "integer"}
    item = schema(fact)
    parts = item.pop("$defs", {})
    return {
        "type": "object",
        "required": ["id", "producer", "part", "n", "at", "trace", "kind", "items"],
        "properties": {
            "id": text,
            "producer": text,
            "part": number,
            "n": number,
            "at": {"type": "string", "format": "date-time"},
            "trace": text,
            "kind": {"const": fact.kind},
            "items": {"type": "array", "items": item},
        },
        **({"$defs": parts} if parts else {}),
    }


def _plain(shape: type[msgspec.Struct], name: str) -> dict[str, Any]:
    return {"name": name, "title": shape.__name__, "summary": _first_line(shape), "payload": schema(shape)}


def _first_line(shape: type[msgspec.Struct]) -> str:
    return (shape.__doc__ or "").strip().split("\n")[0]
