"""SMTP's dialogue about one letter, over a connection that the library has opened, secured and signed in on.

The library says MAIL, RCPT, DATA one by one and waits for each; nearly every server takes them together (RFC 2920), and
that halves the round trips. What a failure means depends on how far the dialogue came, so that is kept track of here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

from services.campaign.outside.parcels import Fate, Outcome, Parcel, Stage

COMMAND_SECONDS = 20.0
DATA_SECONDS = 60.0
"""Servers may look into a letter before they answer."""
LONGEST_REPLY = 64 * 1024

_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(?m)^\.")
_ENVELOPE = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")
"""What may stand between the angle brackets: printable ASCII without a space and without these brackets."""


class HungUp(Exception):
    """The connection is gone, or says what is not SMTP."""


@dataclass(frozen=True)
class Reply:
    """A server's answer."""

    code: int
    text: str

    @property
    def said(self) -> str:
        """Code and words, as people know them."""
        return f"{self.code} {self.text}"[:500]


class Dialogue(asyncio.Protocol):
    """One connection. `together`: the server takes several commands at once."""

    def __init__(self, transport: asyncio.Transport, *, together: bool) -> None:
        self._transport = transport
        self._together = together
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: list[Reply] = []
        self._waiter: asyncio.Future[None] | None = None
        self._expected = 0
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether another letter may be begun here."""
        return not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        """Something of an answer."""
        self._buffer += data
        if len(self._buffer) > LONGEST_REPLY:
            self.close()
            return
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            if len(line) < 3 or not line[:3].isdigit() or line[3:4] not in (b"", b" ", b"-"):
                self.close()
                return
            self._lines.append(line[4:].decode("utf-8", "replace"))
            if line[3:4] != b"-":
                self._replies.append(Reply(int(line[:3]), "\n".join(self._lines)))
                self._lines.clear()
        goodbye = bool(self._replies) and self._replies[-1].code == 421 and len(self._replies) < self._expected
        if goodbye or len(self._replies) > self._expected:
            self.close()  # it says goodbye in the middle, or what nobody asked for
        elif self._waiter is not None and not self._waiter.done() and len(self._replies) == self._expected:
            self._waiter.set_result(None)

    def eof_received(self) -> None:
        """The server hung up."""
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._wake()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(HungUp("the server hung up"))

    async def quit(self) -> None:
        """Say goodbye, and do not wait long."""
        with contextlib.suppress(HungUp, TimeoutError):
            await self._say(b"QUIT\r\n", 1, 1.0)
        self.close()

    async def _say(self, data: bytes, replies: int, seconds: float) -> list[Reply]:
        """Say something and wait for that many answers. Raises HungUp, TimeoutError."""
        if self._transport.is_closing():
            raise HungUp("the server hung up")
        self._replies = []
        self._expected = replies
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(data)
            async with asyncio.timeout(seconds):
                await self._waiter
        finally:
            self._waiter = None
            self._expected = 0
        found, self._replies = self._replies, []
        return found

    async def deliver(self, sender: str, letter: Parcel) -> Outcome | None:
        """Hand one letter over. None: the connection was gone before the letter itself was on its way.

        Never raises for what the server or the network does; a cancel leaves the dialogue in the middle.
        """
        if not _ENVELOPE.fullmatch(letter.address):
            return Outcome(Fate.REFUSED, "it is not an e-mail address")
        try:
            outcome = await self._begin(sender, letter.address)
        except TimeoutError:
            self.close()
            return Outcome(Fate.LATER, "the server did not answer in time")
        except HungUp:
            self.close()
            return None
        if outcome is not None:
            return outcome
        try:
            [reply] = await self._say(_stuffed(letter.raw), 1, DATA_SECONDS)
        except (HungUp, TimeoutError) as error:
            # Silence after the data: the server may have taken the letter. Nobody knows, so nobody may send it again.
            self.close()
            return Outcome(Fate.UNKNOWN, str(error) or "the server did not answer in time")
        if 200 <= reply.code < 300:
            return Outcome(Fate.ACCEPTED, reply.said)
        return self._refused(reply, Stage.CONTENT)

    async def _begin(self, sender: str, address: str) -> Outcome | None:
        """MAIL, RCPT and DATA. None when the server waits for the letter."""
        mail, rcpt, data = f"MAIL FROM:<{sender}>\r\n".encode(), f"RCPT TO:<{address}>\r\n".encode(), b"DATA\r\n"
        if self._together:
            replies = await self._say(mail + rcpt + data, 3, COMMAND_SECONDS)
        else:
            replies = []
            for command in (mail, rcpt, data):
                [reply] = await self._say(command, 1, COMMAND_SECONDS)
                replies.append(reply)
                if not 200 <= reply.code < 400:
                    break
        for reply, stage in zip(replies, (Stage.SENDER, Stage.RECIPIENT), strict=False):
            if not 200 <= reply.code < 300:
                await self._forget(waits=replies[-1].code == 354)
                return self._refused(reply, stage)
        if replies[2].code != 354:
            await self._forget(waits=False)
            return self._refused(replies[2], Stage.CONTENT)
        return None

    async def _forget(self, *, waits: bool) -> None:
        """Clear the half-made envelope, or the connection cannot be used for the next letter.

        A server that `waits` for a letter without a recipient gets an empty one, which it must refuse (RFC 2920, 3.1):
        hanging up is as good, and sure.
        """
        if waits:
            self.close()
            return
        try:
            [reply] = await self._say(b"RSET\r\n", 1, COMMAND_SECONDS)
        except (HungUp, TimeoutError):
            self.close()
        else:
            if reply.code >= 300:
                self.close()

    def _refused(self, reply: Reply, stage: Stage) -> Outcome:
        """RFC 5321, 4.2.1: 5yz is for ever, 4yz may pass; what is neither was not a yes and is asked again."""
        if reply.code == 421:
            self.close()
        return Outcome(Fate.REFUSED if 500 <= reply.code < 600 else Fate.LATER, reply.said, stage)


def _stuffed(raw: bytes) -> bytes:
    """The letter as it goes over the wire: its lines end as they must, none of them is the end, and then the end."""
    lines = _DOT.sub(b"..", _LINE_END.sub(b"\r\n", raw))
    return lines + (b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n")
