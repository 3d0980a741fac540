"""What a service wants in the audit log: a header of its answer; the gateway writes it down, then passes it on."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from starlette.responses import Response

HEADER = "x-marquee-audit"
REASON = "x-marquee-reason"
"""Request header in which a caller may say why."""

DISCLOSING = frozenset({"contacts.read", "contacts.exported", "viewers.export"})
"""Actions of answers that show contact data, or what viewers wrote."""

MOST = 200
"""Objects of one note: a page of the longest list."""


def note(response: Response, action: str, objects: Iterable[str | int]) -> None:
    """This answer shows or does `action` (`contacts.read`) to these objects; nothing is noted when there are none.

    The caller gets the answer only after the gateway has written it into the audit log. No personal data belongs here:
    objects are profile ids, ids of jobs, keys that operators chose.
    """
    named = [quote(str(one), safe=":/") for one in objects][:MOST]
    if named:
        response.headers[HEADER] = " ".join((action, *named))
