"""E-mails as bytes: headers that cannot be broken out of, and an id that stays the same at every attempt."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

_POLICY = SMTP.clone(cte_type="7bit")
"""Seven bits pass every server, also those without 8BITMIME."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
"""The dot-atom of RFC 5322. Quoted local parts and SMTPUTF8 are left out: rare, and a way to inject."""
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
SUBJECT_LENGTH = 500
ADDRESS_LENGTH = 254
"""RFC 5321, 4.5.3.1.3 (256 with its angle brackets)."""


class BadAddress(ValueError):
    """An address that cannot stand in a header or an envelope."""


@dataclass(frozen=True)
class Sender:
    """Who writes: `address` for the envelope, `header` as readers see it, `domain` for message ids."""

    address: str
    header: Address
    domain: str


@dataclass(frozen=True)
class Text:
    """A rendered message."""

    subject: str
    body: str
    html: str | None = None


def sender(text: str) -> Sender:
    """`marquee@localhost` or `Marquee <marquee@example.com>`; raises `BadAddress`."""
    name, address = parseaddr(text)
    header = mailbox(address, name=name)
    return Sender(header.addr_spec, header, header.domain)


def mailbox(address: str, *, name: str = "") -> Address:
    """The address for header and envelope; an international domain is written in ASCII. Raises `BadAddress`."""
    local, _, domain = address.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise BadAddress("its domain is not valid") from error
    if len(local) + len(domain) >= ADDRESS_LENGTH or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise BadAddress("it is not an e-mail address")
    return Address(display_name=_CONTROL.sub(" ", name), username=local, domain=domain)


def message_id(key: bytes, row: int, domain: str) -> str:
    """`Message-ID` of a row: the same at every attempt, so that receivers and logs can recognise a repeat."""
    mark = hmac.new(key, str(row).encode(), hashlib.sha256).hexdigest()[:16]
    return f"<{row}.{mark}@{domain}>"


def one_line(text: str) -> str:
    """A subject: what a template writes may not begin a header of its own."""
    return _CONTROL.sub(" ", _whole(text)).strip()[:SUBJECT_LENGTH]


def _whole(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair: JSON can carry one, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def written(text: Text, *, origin: Sender, to: Address, identity: str, at: datetime) -> bytes:
    """The whole e-mail as it goes over the wire."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = origin.header
    mail["To"] = to
    mail["Subject"] = one_line(text.subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = identity
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail.set_content(_whole(text.body))
    if text.html is not None:
        mail.add_alternative(_whole(text.html), subtype="html")
    return mail.as_bytes()
