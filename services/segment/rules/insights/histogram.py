"""Bins of equal width over numbers."""

from __future__ import annotations

import math


def edges(least: float, greatest: float, most: int, *, whole: bool) -> list[float]:
    """The limits of at most `most` bins from the least to the greatest number; the last bin holds its upper limit.

    Bins of whole numbers have whole limits, so that each holds as many of them: one bin for each while they suffice.
    """
    if whole and greatest - least < 2**53:
        width = float(math.ceil((greatest - least + 1) / most))
        number = math.ceil((greatest - least + 1) / width)
        return [least + place * width for place in range(number + 1)]
    if least == greatest:
        return [least, greatest]
    # each limit is made by itself: added up, they would drift
    return [least + (greatest - least) * (place / most) for place in range(most)] + [greatest]
