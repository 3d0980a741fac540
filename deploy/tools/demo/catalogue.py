"""What the simulated platform shows: videos, live rooms, articles, goods and activities of twelve categories."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deploy.tools.demo.dice import Floats, Ints, dice
from deploy.tools.demo.words import CATEGORIES, CREATORS, TITLES

KINDS = ("video",) * 36 + ("live",) * 2 + ("article",) * 2 + ("product",) * 3 + ("activity",)
"""Kind of the things of one category, in order."""
VIDEOS = KINDS.count("video")
LIVES = range(VIDEOS, VIDEOS + KINDS.count("live"))
PRODUCTS = range(KINDS.index("product"), KINDS.index("product") + KINDS.count("product"))
EACH = len(KINDS)


class Catalogue(NamedTuple):
    """Things by number: category × EACH + place in it. `popular` are weights of the videos of a category."""

    items: list[dict[str, Any]]
    seconds: Ints
    popular: Floats
    topics: Ints
    creators: list[str]
    """Of each thing, who made it."""


def catalogue(seed: int) -> Catalogue:
    """All things, the same for the same seed; half of them are titled in Chinese, half in English."""
    throw = dice(seed, "catalogue")
    seconds = throw.integers(20, 600, size=len(CATEGORIES) * EACH)
    prices = throw.integers(2, 60, size=len(CATEGORIES) * EACH) * 10 - 1
    popular = 1 / (1 + np.arange(VIDEOS)) ** 0.7
    items: list[dict[str, Any]] = []
    topics: list[int] = []
    creators: list[str] = []
    for category in CATEGORIES:
        for place, kind in enumerate(KINDS):
            topic = place % len(category.topics)
            chinese, english = category.topics[topic]
            is_chinese = place // len(category.topics) % 2 == 0
            title = TITLES[place % len(TITLES)][0 if is_chinese else 1]
            creator = f"creator-{category.key}-{place // len(category.topics) % 2}-{topic}"
            name = CREATORS[topic][0 if is_chinese else 1].format(topic=chinese if is_chinese else english)
            number = len(items)
            properties: dict[str, Any] = {
                "category": category.key,
                "topic": chinese,
                "language": "zh" if is_chinese else "en",
                "creator_name": name,
            }
            if kind in ("video", "live"):
                properties["duration_seconds"] = int(seconds[number])
            if kind == "product":
                properties |= {"price": int(prices[number]), "currency": "CNY"}
            items.append(
                {
                    "id": f"{category.key}-{kind}-{place + 1:02d}",
                    "kind": kind,
                    "title": title.format(topic=chinese if is_chinese else english, n=place + 1),
                    "creator_id": creator,
                    "tags": [category.key, chinese],
                    "url": f"https://example.com/{category.key}/{place + 1}",
                    "properties": properties,
                }
            )
            topics.append(topic)
            creators.append(creator)
    return Catalogue(items, seconds.astype(np.int64), popular, np.array(topics, np.int64), creators)
