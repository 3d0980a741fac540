"""A mail server and an HTTP provider that take everything and keep nothing, so lean that they do not slow a bench."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import cast

import uvloop

END = b"\r\n.\r\n"


class Mail(asyncio.Protocol):
    """The server's side of SMTP: as much of it as a client needs that speaks it well."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's
        self.buffer = b""
        self.in_data = False
        self.transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer each command, and each message at its end."""
        self.buffer += data
        more = True
        while more:
            more = self._message() if self.in_data else self._command()

    def _message(self) -> bool:
        _, end, rest = self.buffer.partition(END)
        if end:
            self.buffer, self.in_data = rest, False
            self.transport.write(b"250 taken\r\n")
        return bool(end)

    def _command(self) -> bool:
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        verb = line[:4].upper()
        if verb == b"DATA":
            self.in_data = True
            self.transport.write(b"354 go on\r\n")
        elif verb == b"EHLO":
            self.transport.write(b"250-sink\r\n250 PIPELINING\r\n")
        elif verb == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"250 OK\r\n")
        return True


class Web(asyncio.Protocol):
    """The server's side of HTTP/1.1: every request with a length is answered with 200."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is said before the first request."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self.buffer += data
        more = True
        while more:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            size = int(length.partition(b":")[2])
            more = bool(end) and len(rest) >= size
            if more:
                self.buffer = rest[size:]
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")


async def serve(mail_port: int, web_port: int) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(Mail, "127.0.0.1", mail_port)
    web = await loop.create_server(Web, "127.0.0.1", web_port)
    async with mail, web:
        await asyncio.gather(mail.serve_forever(), web.serve_forever())


def main(argv: Sequence[str]) -> None:
    """`python -m tests.bench.sink <mail port> <web port>`."""
    uvloop.run(serve(int(argv[0]), int(argv[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
