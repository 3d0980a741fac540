"""What segment and its warehouse process say to each other: frames over a pipe, MessagePack with Arrow inside."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pyarrow as pa

LENGTH = struct.Struct(">Q")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How the process works; the first frame it is sent.

    `url` is the service's database, `folder` holds everything the process writes, `memory` is in MB.
    """

    url: str
    folder: str
    threads: int
    memory: int


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Bring the file up to date (building it when it is not there) and, unless `sql` is empty, answer with a table.

    `inputs` are Arrow tables (IPC) that the statement may name. With `rewrite` the file is written anew after that.
    """

    id: int
    sql: str = ""
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    inputs: dict[str, bytes] = msgspec.field(default_factory=dict)
    rewrite: bool = False


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """Stop working on this."""

    id: int


class Built(msgspec.Struct, frozen=True, kw_only=True, tag="built"):
    """The file is being built: how much of it is there, from 0 to 1."""

    id: int
    share: float


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """Done: the table (IPC; empty without a statement), and the stamp below which all that was written is in it.

    What was committed at or above that stamp is in it, too; it will be read again. `forgotten` is how many
    rows the file still carries somewhere in its pages although they went for good.
    """

    id: int
    data: bytes
    watermark: int
    events: int
    viewers: int
    forgotten: int


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag="failure"):
    """Not done: `cancelled`, `memory` (the limit was reached), `statement` (it is wrong) or `fault`, with words."""

    id: int
    kind: str
    words: str


Question = Ask | Cancel
Reply = Built | Answer | Failure


def frame(message: msgspec.Struct) -> bytes:
    """A message as it goes over the pipe."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def pack(table: pa.Table) -> bytes:
    """A table as Arrow IPC."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpack(data: bytes) -> pa.Table:
    """The table in Arrow IPC."""
    return pa.ipc.open_stream(data).read_all()
