"""Where values of traits come from, and which source is believed more than another.

A source is `sdk:<write key>`, `operator:<secret key>`, `import:<…>` or `computed:<…>`. A rank set for a source itself
counts before one set for its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from services.profile.rules import definitions
from services.profile.rules.definitions import Definition

KINDS: Mapping[str, int] = {"operator": 200, "sdk": 100, "import": 100, "computed": 50}
"""Kinds of sources with the ranks they have until somebody sets others: what an operator corrects stays corrected."""

FILE = "import:"
"""How the sources of imported files begin."""

BULK = "sdk:bulk:"
"""How the sources of the bulk API begin."""

HIDDEN = "•••"
"""What is shown instead of a personal value to those who may not see it."""


class Registry(msgspec.Struct, frozen=True):
    """What operators have laid down about traits: definitions by name, ranks by source or kind."""

    definitions: Mapping[str, Definition] = msgspec.field(default_factory=lambda: definitions.BUILT_IN)
    ranks: Mapping[str, int] = msgspec.field(default_factory=dict)

    def rank(self, source: str) -> int:
        """How far a source is believed: higher wins, whatever the time."""
        kind = source.partition(":")[0]
        return self.ranks.get(source, self.ranks.get(kind, KINDS.get(kind, KINDS["sdk"])))

    def is_personal(self, name: str) -> bool:
        """Whether a trait is shown only to those who may see contact data, and told to nobody."""
        known = self.definitions.get(name)
        return known is not None and known.personal

    def veiled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name, with personal ones hidden."""
        return {name: HIDDEN if self.is_personal(name) else value for name, value in values.items()}


PLAIN = Registry()
"""What holds until an operator has laid down anything."""

EQUAL = Registry(ranks=dict.fromkeys(KINDS, KINDS["sdk"]))
"""All sources are believed alike: the last one counts."""


def is_second_hand(source: str) -> bool:
    """Whether a source says what others have written down of a viewer: a file, or the bulk API."""
    return source.startswith((FILE, BULK))


def of(source: str) -> str:
    """The source of a tracking call: what names no kind of its own is a write key."""
    return source if source.partition(":")[0] in KINDS else f"sdk:{source}"
