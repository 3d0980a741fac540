"""SMTP: a few connections held open, and for every message the one thing that is known of its fate."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from services.campaign.outside.parcels import Fate, Outcome, Parcel

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 20.0
DATA_SECONDS = 60.0
"""Servers may look into a letter before they answer."""
IDLE_SECONDS = 20.0
"""A connection that rested longer is opened anew: servers hang up on idle ones without a word."""


@dataclass(frozen=True)
class Server:
    """Where and how to connect."""

    host: str
    port: int | None
    user: str | None
    password: str | None
    tls: bool
    starttls: bool | None


class BadServer(ValueError):
    """An SMTP address that cannot be understood."""


def server(url: str) -> Server:
    """`smtp://user:password@host:port` or `smtps://…` (TLS from the first byte).

    `smtp://` upgrades by STARTTLS where the server offers it. With a password and a server that is not on this machine
    STARTTLS is demanded, so that the password never travels in the clear. `?starttls=required|never` overrides both.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise BadServer("MARQUEE_SMTP_URL must look like smtp://user:password@host:port or smtps://…")
    choice = parse_qs(parts.query).get("starttls", [""])[-1]
    if choice not in ("", "required", "never"):
        raise BadServer("starttls in MARQUEE_SMTP_URL is either required or never")
    tls = parts.scheme == "smtps"
    starttls = {"required": True, "never": False}.get(choice)
    if not choice and parts.username and not tls and not _is_local(parts.hostname):
        starttls = True
    return Server(
        host=parts.hostname,
        port=parts.port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=tls,
        starttls=False if tls else starttls,
    )


class PostOffice:
    """Connections to one SMTP server, at most `connections` at a time, reused from letter to letter."""

    def __init__(self, server: Server, *, connections: int, name: str, sender: str) -> None:
        """`name` is how this side greets (EHLO); `sender` stands on every envelope. Both are ASCII."""
        self._server = server
        self._sender = sender
        self._name = name
        self._doors = asyncio.Semaphore(connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def deliver(self, letter: Parcel) -> Outcome:
        """Hand one letter over. Never raises for what a server or the network does."""
        async with self._doors:
            outcome = await self._attempt(letter, self._rested())
            if outcome is None:  # the kept connection was dead before the letter began: one fresh try is safe
                outcome = await self._attempt(letter, None)
        return outcome or Outcome(Fate.LATER, "the server hung up before the message")

    async def close(self) -> None:
        """Leave politely, but do not wait long."""
        idle, self._idle = self._idle, []
        for client, _ in idle:
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=1)
            client.close()

    def _rested(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and time.monotonic() - since < IDLE_SECONDS:
                return client
            client.close()
        return None

    async def _attempt(self, letter: Parcel, client: aiosmtplib.SMTP | None) -> Outcome | None:
        """One try over a kept connection or a new one. None: the connection was gone before anything was sent."""
        if client is None:
            client = self._connection()
            try:
                await client.connect()
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                client.close()
                return Outcome(Fate.UNREACHABLE, _words(error))
        try:
            outcome = await _transaction(client, self._sender, letter)
        except BaseException:
            client.close()  # a cancel leaves the dialogue in the middle
            raise
        if client.is_connected:
            self._idle.append((client, time.monotonic()))
        return outcome

    def _connection(self) -> aiosmtplib.SMTP:
        where = self._server
        return aiosmtplib.SMTP(
            hostname=where.host,
            port=where.port,
            username=where.user,
            password=where.password,
            use_tls=where.tls,
            start_tls=where.starttls,
            timeout=CONNECT_SECONDS,
            local_hostname=self._name,
        )


async def _transaction(client: aiosmtplib.SMTP, sender: str, letter: Parcel) -> Outcome | None:
    """MAIL, RCPT, DATA one by one, because what a failure means depends on how far it came."""
    try:
        await client.mail(sender, timeout=COMMAND_SECONDS)
        await client.rcpt(letter.address, timeout=COMMAND_SECONDS)
    except aiosmtplib.SMTPResponseException as error:
        await _reset(client)
        return _answered(error)
    except (aiosmtplib.SMTPTimeoutError, aiosmtplib.SMTPNotSupported, ValueError) as error:
        client.close()
        return Outcome(Fate.LATER, _words(error))
    except (aiosmtplib.SMTPException, OSError):
        client.close()
        return None
    try:
        response = await client.data(letter.raw, timeout=DATA_SECONDS)
    except aiosmtplib.SMTPDataError as error:
        # The server took the end of the data (or DATA itself) and answered no. Any 2xx is a yes.
        if 200 <= error.code < 300:
            return Outcome(Fate.ACCEPTED, _words(error))
        await _reset(client)
        return _answered(error)
    except (aiosmtplib.SMTPException, OSError) as error:
        # Silence after the data: the server may have taken the letter. Nobody can know, so nobody may send it again.
        client.close()
        return Outcome(Fate.UNKNOWN, _words(error))
    return Outcome(Fate.ACCEPTED, f"{response.code} {response.message}")


def _answered(error: aiosmtplib.SMTPResponseException) -> Outcome:
    """RFC 5321, 4.2.1: 5yz is for ever, 4yz may pass; what is neither was not a yes and is asked again."""
    return Outcome(Fate.REFUSED if 500 <= error.code < 600 else Fate.LATER, _words(error))


async def _reset(client: aiosmtplib.SMTP) -> None:
    """Clear the half-made envelope, or the connection cannot be used for the next letter."""
    try:
        if client.is_connected:
            await client.rset(timeout=COMMAND_SECONDS)
    except (aiosmtplib.SMTPException, OSError):
        client.close()


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"[:500]
    return f"{error}"[:500] or type(error).__name__


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
