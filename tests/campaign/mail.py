"""A real SMTP server in this process that can be told to refuse, postpone, hang up or take its time."""

from __future__ import annotations

import asyncio
import contextlib
import email
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """What arrived, and how the server behaves: `sender`, `rcpt` and `data` give its replies to an address.

    While the `gate` is shut it has taken a message and has not answered yet.
    """

    def __init__(self) -> None:
        self.arrived: list[tuple[str, EmailMessage]] = []
        self.connections = 0
        self.together = True
        """Whether it takes several commands at once."""
        self.sender: Callable[[str], str] = lambda _: "250 OK"
        self.rcpt: Callable[[str], str] = lambda _: "250 OK"
        self.data: Callable[[str], str] = lambda _: "250 OK"
        self.keeps_silent: Callable[[str], bool] = lambda _: False
        """Takes the message, then hangs up without an answer."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_gate = 0
        self.url = ""
        self._open: list[SMTP] = []

    @property
    def addresses(self) -> list[str]:
        """Who got something, in order of arrival."""
        return [address for address, _ in self.arrived]

    def hang_up(self) -> None:
        """Close every connection without a word, as servers do with idle ones."""
        for server in self._open:
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
        self._open.clear()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """A client connected."""
        self.connections += 1
        self._open.append(server)
        session.host_name = hostname
        return [responses[0], "250-PIPELINING", *responses[1:]] if self.together else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A sender is named."""
        reply = self.sender(address)
        if reply.startswith("2"):
            envelope.mail_from = address
        return reply

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient is named."""
        reply = self.rcpt(address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """A whole message is here."""
        address = envelope.rcpt_tos[0]
        reply = self.data(address)
        if reply.startswith("2"):
            content = envelope.original_content
            assert content is not None
            message = email.message_from_bytes(content, policy=default)
            assert isinstance(message, EmailMessage)
            self.arrived.append((address, message))
        self.at_gate += 1
        await self.gate.wait()
        if self.keeps_silent(address):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return reply


@contextlib.asynccontextmanager
async def serving(*, port: int = 0) -> AsyncIterator[MailServer]:
    """A mail server on the loopback, on a free port unless one is named."""
    mail = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mail, hostname="mail.test", enable_SMTPUTF8=False, loop=loop), "127.0.0.1", port
    )
    host, port = server.sockets[0].getsockname()[:2]
    mail.url = f"smtp://{host}:{port}"
    try:
        yield mail
    finally:
        server.close()
        mail.gate.set()
