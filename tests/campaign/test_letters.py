"""E-mails: no header can be broken out of, ids stay, odd addresses are refused."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign.rules import letters
from services.campaign.rules.letters import BadAddress, Text

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SENDER = letters.sender("Marquee <marquee@example.com>")


def letter(text: Text) -> EmailMessage:
    raw = letters.written(text, origin=SENDER, to=letters.mailbox("a@b.example"), identity="<1.x@e>", at=NOW)
    assert raw.isascii()
    parsed = email.message_from_bytes(raw, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def body(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


@given(st.text(max_size=300), st.text(max_size=2000), st.none() | st.text(max_size=500))
def test_whatever_is_written_stays_in_its_place(subject: str, text: str, html: str | None) -> None:
    text, html = _sendable(text), None if html is None else _sendable(html)
    message = letter(Text(_sendable(subject), text, html))
    assert sorted(key.lower() for key in message) == sorted(
        {"from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"}
        | ({"content-transfer-encoding"} if html is None else set())
    )
    assert message["to"] == "a@b.example"
    assert body(message).rstrip("\n") == text.rstrip("\n")
    if html is not None:
        assert body(message, "html").rstrip("\n") == html.rstrip("\n")


def _sendable(text: str) -> str:
    """Texts come from JSON and a database: no lone surrogates, no NUL; and lines end as they do in mails."""
    clean = text.encode("utf-8", "ignore").decode()
    return "\n".join("".join(char for char in line if char.isprintable()) for line in clean.split("\n"))


def test_a_subject_cannot_begin_a_header() -> None:
    message = letter(Text("Hi\r\nBcc: evil@example.com\r\n\r\nbody", "x"))
    assert message["bcc"] is None
    assert message["subject"] == "Hi Bcc: evil@example.com body"


def test_chinese_arrives() -> None:
    message = letter(Text("你好,安", "正文", "<p>正文</p>"))
    assert (message["subject"], body(message).strip(), body(message, "html").strip()) == (
        "你好,安",
        "正文",
        "<p>正文</p>",
    )


@pytest.mark.parametrize(
    "address",
    ["", "x", "@x", "x@", "a@b\r\nBcc: c@d", "a b@c", "a@b c", "a<b@c", "a,b@c", "ü@b.de", "a@b@c", "a@..", '"a b"@c',
     "a@" + "x" * 300, "a@-b", "a..b@c", "a@[127.0.0.1]", "a@b>", "a\x00@b"],
)  # fmt: skip
def test_odd_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        letters.mailbox(address)


def test_good_addresses_pass() -> None:
    assert letters.mailbox("a.b+c@d-e.example").addr_spec == "a.b+c@d-e.example"
    assert letters.mailbox("a@münchen.de").addr_spec == "a@xn--mnchen-3ya.de"
    assert (SENDER.address, SENDER.domain, str(SENDER.header)) == (
        "marquee@example.com",
        "example.com",
        "Marquee <marquee@example.com>",
    )


def test_a_message_id_is_stable_and_the_installations_own() -> None:
    assert letters.message_id(b"k", 7, "d") == letters.message_id(b"k", 7, "d")
    assert len({letters.message_id(key, row, "d") for key in (b"k", b"l") for row in (7, 8)}) == 4
