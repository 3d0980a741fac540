"""The keys that work, in this process's memory, so that no event waits for a database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gateway.rules import keys as rules
from gateway.rules.keys import Key


class Keyring:
    """Keys by id. It is replaced every few seconds and whenever another process says that keys have changed."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._revoked: set[str] = set()
        self._used: dict[str, datetime] = {}

    def replace(self, keys: Iterable[Key]) -> None:
        """Take these for all keys there are. What was revoked here stays out, even when the reading is older."""
        self._keys = {key.id: key for key in keys if key.id not in self._revoked}

    def forget(self, key_id: str) -> None:
        """Stop taking a key, from now on."""
        self._revoked.add(key_id)
        self._keys.pop(key_id, None)

    def write(self, text: str, now: datetime) -> Key | None:
        """The write key that this text is, None when it is unknown, revoked or expired."""
        key = self._find("write", text, now)
        if key is not None:
            self._used[key.id] = now
        return key

    def secret(self, text: str, now: datetime) -> Key | None:
        """The secret key that this text is, None when it is unknown, revoked, expired or only looks like one."""
        key = self._find("secret", text, now)
        if key is None or not rules.proves(key, text):
            return None
        self._used[key.id] = now
        return key

    def preflight(self, origin: str) -> bool:
        """Whether some write key may be used by pages of this origin."""
        return rules.preflight(self._keys.values(), origin)

    def alive(self) -> set[str]:
        """Ids of all keys that work."""
        return set(self._keys)

    def used(self) -> dict[str, datetime]:
        """When keys were last used since the last question."""
        used, self._used = self._used, {}
        return used

    def _find(self, kind: rules.Kind, text: str, now: datetime) -> Key | None:
        read = rules.read(text)
        if read is None or read[0] != kind:
            return None
        key = self._keys.get(read[1])
        return key if key is not None and key.kind == kind and not key.expired(now) else None
