"""A running installation with a mailbox, shared by the stories of one file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local import processes
from tests.harness.suite import Suite


@dataclass
class Mailbox:
    """A real SMTP server on a free port, and what it accepted."""

    port: int = field(default_factory=processes.free_port)
    letters: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one message."""
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        """Letters to this address."""
        return [letter for letter in self.letters if address in str(letter["To"])]


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    """The mail server campaigns send to."""
    kept = Mailbox()
    controller: Any = Controller(kept, hostname="127.0.0.1", port=kept.port)
    controller.start()
    yield kept
    controller.stop()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[Suite]:
    """The five processes on their own servers, as `./marquee up` starts them."""
    env = {"MARQUEE_SMTP_URL": f"smtp://127.0.0.1:{mailbox.port}"}
    with Suite.started(tmp_path_factory.mktemp("town") / "data", env) as running:
        yield running


@pytest.fixture
async def operator(town: Suite) -> AsyncIterator[httpx.AsyncClient]:
    """An internal tool with the secret key."""
    async with town.client() as client:
        yield client


@pytest.fixture
async def front_end(town: Suite) -> AsyncIterator[httpx.AsyncClient]:
    """An app with the write key."""
    async with town.client(key="write_key") as client:
        yield client
