"""SMTP: a few connections held open, and for every message the one thing that is known of its fate."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from services.campaign.outside.dialogue import Dialogue
from services.campaign.outside.parcels import UNBEGUN, Fate, Outcome, Parcel, always

CONNECT_SECONDS = 10.0
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
        self._idle: list[tuple[Dialogue, float]] = []

    async def deliver(self, letter: Parcel, may: Callable[[], bool] = always) -> Outcome:
        """Hand one letter over, if it still may be when a connection is free.

        Never raises for what a server or the network does.
        """
        async with self._doors:
            if not may():
                return UNBEGUN
            outcome = await self._attempt(letter, self._rested(), may)
            if outcome is None:  # the kept connection was dead before the letter began: one fresh try is safe
                outcome = await self._attempt(letter, None, may)
        return outcome or Outcome(Fate.LATER, "the server hung up before the message")

    async def close(self) -> None:
        """Leave politely, but do not wait long."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(dialogue.quit() for dialogue, _ in idle))

    def _rested(self) -> Dialogue | None:
        while self._idle:
            dialogue, since = self._idle.pop()
            if dialogue.is_open and time.monotonic() - since < IDLE_SECONDS:
                return dialogue
            dialogue.close()
        return None

    async def _attempt(self, letter: Parcel, dialogue: Dialogue | None, may: Callable[[], bool]) -> Outcome | None:
        """One try over a kept connection or a new one. None: the connection was gone before anything was sent."""
        if dialogue is None:
            try:
                dialogue = await self._connected()
            except (aiosmtplib.SMTPException, OSError, ValueError) as error:
                return Outcome(Fate.UNREACHABLE, f"{error}"[:500] or type(error).__name__)
            if not may():  # to connect may have taken long
                self._idle.append((dialogue, time.monotonic()))
                return UNBEGUN
        try:
            outcome = await dialogue.deliver(self._sender, letter)
        except BaseException:
            dialogue.close()  # a cancel leaves the dialogue in the middle
            raise
        if dialogue.is_open:
            self._idle.append((dialogue, time.monotonic()))
        return outcome

    async def _connected(self) -> Dialogue:
        """A new connection, greeted, secured and signed in on."""
        client = self._connection()
        try:
            await client.connect()
            # uvloop's own class is none of asyncio's.
            return Dialogue(cast(asyncio.Transport, client.transport), together=client.supports_extension("pipelining"))
        except BaseException:
            client.close()
            raise

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


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
