"""What was planted, as a file: whoever claims to have found something out can be held against it.

It is for tests and for the curious; nothing of Marquee reads it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from deploy.tools.demo import flaws, past, people
from deploy.tools.demo.catalogue import EACH
from deploy.tools.demo.dice import DAY, Flags, Floats
from deploy.tools.demo.flaws import BROKEN
from deploy.tools.demo.lives import STAGES
from deploy.tools.demo.log import COMMENTED, DANMAKU, EVENTS, LIKED, MEMBERSHIP, ORDER, SEARCHED, SHOWN, WATCHED
from deploy.tools.demo.messages import Scribe, program_id
from deploy.tools.demo.people import HABITS, SLOTS
from deploy.tools.demo.story import NEVER, Story
from deploy.tools.demo.visits import CRISIS_CATEGORY, CRISIS_DAYS
from deploy.tools.demo.words import CATEGORIES, CITIES, COMMENTS, CRISIS
from deploy.tools.demo.words import DANMAKU as FLYING

FILE = "truths.json"


def write(told: Story, path: Path) -> None:
    """Write all of it, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(truths(told)), indent=1))
    draft.replace(path)


def truths(told: Story) -> dict[str, Any]:
    """Everything that was planted."""
    return {
        "made": {
            "seed": told.seed,
            "viewers": told.them.size,
            "days": told.days,
            "from": _time(told.start),
            "until": _time(told.until),
            "calls": int(told.times.sum()),
            "sent_twice": int((told.times - 1).sum()),
            "events": _events(told),
        },
        "viewers": _viewers(told),
        "campaign": _campaign(told),
        "spending": {
            "model": "order value z ~ Gamma(p, nu), nu ~ Gamma(q, gamma); each viewer's mean is p / nu",
            "p": people.VALUE_P,
            "q": people.VALUE_Q,
            "gamma": people.VALUE_GAMMA,
            "orders_per_visit": {"shape": people.ORDER_SHAPE, "mean": people.ORDER_RATE},
        },
        "programs": [
            {"anonymous_id": program_id(told.seed, number), "says_so": not flaws.is_hasty(number)}
            for number in range(told.flaws.programs)
        ],
        "broken": {
            "refused": {EVENTS[ORDER]: _count(told, ORDER + BROKEN)},
            "observed": {EVENTS[WATCHED]: _count(told, WATCHED + BROKEN)},
            "stripped": {EVENTS[SEARCHED]: _count(told, SEARCHED + BROKEN)},
        },
        "crisis": {
            "category": CATEGORIES[CRISIS_CATEGORY].key,
            "from": _time(told.until - CRISIS_DAYS * DAY),
            "texts": [one.text for one in CRISIS],
        },
        "moods": _moods(told),
    }


def _time(at: int) -> str | None:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if at else None


def _count(told: Story, kind: int) -> int:
    return int((told.log.kind == kind).sum())


def _events(told: Story) -> dict[str, int]:
    """Events that are right, by name, each counted once."""
    counts = np.bincount(told.log.kind, minlength=MEMBERSHIP + 1)
    counts[ORDER] += counts[MEMBERSHIP]
    return {name: int(counts[kind]) for kind, name in enumerate(EVENTS)}


def _viewers(told: Story) -> list[dict[str, Any]]:
    them, log = told.them, told.log
    of_people = log.viewer < them.size
    viewer = np.where(of_people, log.viewer, 0)

    def per_viewer(mask: Flags, weights: Floats | None = None) -> Any:
        mask = mask & of_people
        return np.bincount(viewer[mask], None if weights is None else weights[mask], minlength=them.size)

    first, last = np.full(them.size, NEVER), np.zeros(them.size, np.int64)
    shown = (log.kind == SHOWN) & of_people
    np.minimum.at(first, viewer[shown], log.at[shown])
    np.maximum.at(last, viewer[shown], log.at[shown])
    is_order = (log.kind == ORDER) | (log.kind == MEMBERSHIP)
    orders, spent = per_viewer(is_order), per_viewer(is_order, log.number)
    used = np.zeros((them.size, SLOTS), bool)
    used[viewer[of_people], log.slot[of_people]] = True
    liked = np.zeros((them.size, len(CATEGORIES)), np.int64)
    likes = (log.kind == LIKED) & of_people
    np.add.at(liked, (viewer[likes], log.thing[likes] // EACH), 1)
    meant = dict(zip(told.past.viewer.tolist(), range(told.past.viewer.shape[0]), strict=True))
    lives = them.lives
    found = []
    for number in range(them.size):
        absent = None
        if lives.left[number] >= 0:
            absent = {"after": _day(told, int(lives.left[number])), "until": _day(told, int(lives.back[number]))}
        found.append(
            {
                **_ids(told, number, used[number].tolist()),
                "life": {
                    "stage": STAGES[lives.stage[number]],
                    "joined": _day(told, int(lives.joined[number])),
                    "first_seen": _time(int(first[number])) if last[number] else None,
                    "last_seen": _time(int(last[number])),
                    "absent": absent,
                },
                "tastes": {
                    category.key: round(float(taste), 4)
                    for category, taste in zip(CATEGORIES, them.tastes[number], strict=True)
                },
                "likes": {
                    category.key: int(many) for category, many in zip(CATEGORIES, liked[number], strict=True) if many
                },
                "habit": HABITS[them.habit[number]],
                "zone": CITIES[int(them.city[number])].zone,
                "mood": round(float(them.mood[number]), 3),
                "spending": {
                    "orders_per_visit": round(float(them.order_rate[number]), 4),
                    "mean_value": round(float(them.order_mean[number]), 2) if them.order_rate[number] else None,
                    "orders": int(orders[number]),
                    "total": round(float(spent[number]), 2),
                },
                "has": [name for name, it in (("email", them.email), ("phone", them.phone)) if it[number]],
                "consent": (None, False, True)[int(them.agreed[number]) + 1] if them.is_known[number] else None,
                "campaign": _part(told, meant.get(number)),
            }
        )
    return found


def _ids(told: Story, number: int, used: list[bool]) -> dict[str, Any]:
    """Whose ids are whose: `unlinked` are those he never signed in with, `shared` those of a device of two."""
    them, names = told.them, told.names
    is_owner = bool((them.partner == number).any())
    own: dict[str, list[str]] = {"anonymous_ids": [], "unlinked": [], "shared": []}
    devices = []
    for slot in range(SLOTS):
        is_in = told.entered[number, slot] != NEVER
        if not used[slot] and not is_in:
            continue
        is_shared = slot == 1 and (is_owner or them.partner[number] >= 0)
        kind = "shared" if is_shared else "anonymous_ids" if is_in else "unlinked"
        own[kind].append(names.visitor(number, slot))
        if not is_shared and people.device(them, number, slot).app == "app":
            devices.append(names.device(number, slot))
    return {"user_id": names.users[number] if them.is_known[number] else None, **own, "device_ids": devices}


def _day(told: Story, day: int) -> str:
    return f"{datetime.fromtimestamp((told.start + day * DAY) / 1000, UTC):%Y-%m-%d}"


def _part(told: Story, row: int | None) -> dict[str, Any] | None:
    if row is None:
        return None
    once = told.past
    return {"held_out": bool(once.held[row]), "converted": bool(once.bought[row])}


def _campaign(told: Story) -> dict[str, Any]:
    once = told.past
    sent, held = int((~once.held).sum()), int(once.held.sum())
    bought, of_held = int((once.bought[~once.held] > 0).sum()), int((once.bought[once.held] > 0).sum())
    return {
        "key": past.KEY,
        "sent_at": _time(once.at),
        "days": past.DAYS,
        "conversion": {"event": EVENTS[ORDER], "property": "product_kind", "value": "membership"},
        "sent": sent,
        "held_out": held,
        "delivered": int(once.delivered.sum()),
        "opened": int((once.opened > 0).sum()),
        "clicked": int((once.clicked > 0).sum()),
        "converted": bought,
        "converted_held_out": of_held,
        "true_rate": past.RATE,
        "true_rate_held_out": past.RATE_HELD_OUT,
        "true_effect": round(past.RATE - past.RATE_HELD_OUT, 6),
    }


def _moods(told: Story) -> dict[str, int]:
    """The mood of every comment and danmaku, by message id."""
    scribe = Scribe(told)
    said = [one.mood for one in (*COMMENTS, *CRISIS)]
    found: dict[str, int] = {}
    for kind, moods in ((COMMENTED, said), (DANMAKU, [one.mood for one in FLYING])):
        rows = np.flatnonzero(told.log.kind == kind)
        what = told.log.what[rows].tolist()
        found |= {scribe.message_id(row): moods[its] for row, its in zip(rows.tolist(), what, strict=True)}
    return found
