"""The one rule of experiments: sticky salted buckets, for messages, banners and recommendations alike."""

from __future__ import annotations

import hashlib


def bucket(salt: str, unit: str) -> float:
    """Where a unit (a viewer's id) falls in [0, 1): always the same for one salt, independent between salts.

    The first 53 bits of SHA-256 over salt and unit, so the value is uniform and exact as a float.
    """
    digest = hashlib.sha256(f"{salt}\x00{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)
