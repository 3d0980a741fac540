"""Who the viewers are: tastes, habits, spending, devices, ids, and what they say of themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from deploy.tools.demo.dice import DAY, Flags, Floats, Ints, dice, pick
from deploy.tools.demo.lives import PASSING, Lives
from deploy.tools.demo.words import CATEGORIES, CITIES, FAMILY, FIRST, GIVEN, LAST, OCCUPATIONS

SLOTS = 3
"""Devices of one viewer, at most: his own, a second one, and a browser whose cookies were cleared."""
USES = ((1.0, 0.0, 0.0), (0.72, 0.28, 0.0), (0.62, 0.22, 0.16))
"""How often each device is used, by how many there are."""


class Device(NamedTuple):
    """What a device says of itself."""

    type: str
    os: str
    app: str


FIRST_DEVICES = (
    Device("phone", "iOS", "app"),
    Device("phone", "Android", "app"),
    Device("phone", "HarmonyOS", "app"),
    Device("desktop", "Windows", "web"),
)
SECOND_DEVICES = (
    Device("desktop", "Windows", "web"),
    Device("desktop", "macOS", "web"),
    Device("tablet", "iOS", "app"),
)
TABLET = 2

HABITS = ("student", "commuter", "owl", "homebody")
_PEAKS = {
    "student": (
        ((12.5, 1.0, 0.25), (18.0, 1.2, 0.25), (21.8, 1.2, 0.5)),
        ((11.0, 1.5, 0.3), (16.0, 2.0, 0.3), (21.5, 1.5, 0.4)),
    ),
    "commuter": (((8.2, 0.7, 0.3), (12.5, 0.7, 0.2), (20.5, 1.4, 0.5)), ((10.5, 1.5, 0.35), (20.0, 2.0, 0.65))),
    "owl": (((23.3, 1.2, 0.6), (1.0, 1.0, 0.4)), ((23.5, 1.4, 0.6), (1.5, 1.3, 0.4))),
    "homebody": (((10.0, 1.2, 0.4), (15.0, 1.5, 0.35), (20.0, 1.2, 0.25)), ((10.0, 1.5, 0.4), (15.0, 2.0, 0.6))),
}  # fmt: skip
"""Hour of day, spread and share of each peak: on working days, at weekends."""
WEEKENDS = {"student": 1.35, "commuter": 1.2, "owl": 1.1, "homebody": 0.9}
"""Visits of a day at the weekend, for each of a working day."""

SPENDERS = 0.35
ORDER_SHAPE, ORDER_RATE = 1.2, 0.09
"""Orders a visit of a spender are gamma distributed: shape, mean."""
LEVELS = ("free", "silver", "gold", "diamond")
VALUE_P, VALUE_Q, VALUE_GAMMA = 6.0, 4.0, 60.0
"""Order values after the Gamma-Gamma model (Fader, Hardie 2013): z ~ Gamma(p, ν), ν ~ Gamma(q, γ); mean pγ/(q−1)."""


class People(NamedTuple):
    """One row a viewer. `slots` devices each; `partner` shares his second device, which is the partner's (-1: none)."""

    lives: Lives
    is_known: Flags
    tastes: Floats
    habit: Ints
    city: Ints
    first: Ints
    second: Ints
    slots: Ints
    partner: Ints
    by_alias: Flags
    order_rate: Floats
    order_mean: Floats
    mood: Floats
    email: Flags
    phone: Flags
    agreed: Ints
    """Marketing by e-mail: 1 he agreed, 0 he refused, -1 nobody asked."""

    @property
    def size(self) -> int:
        """Viewers."""
        return len(self.is_known)


def people(seed: int, lives: Lives) -> People:
    """Draw everybody."""
    throw = dice(seed, "people")
    count = len(lives.stage)
    is_known = lives.stage != PASSING
    tastes = throw.dirichlet(np.full(len(CATEGORIES), 0.25), size=count)
    favourite = throw.integers(0, len(CATEGORIES), size=count)
    tastes *= 0.45
    tastes[np.arange(count), favourite] += 0.55
    city = pick(throw, [one.weight for one in CITIES], count)
    slots = np.where(is_known, 1 + (throw.random(count) < 0.45) + (throw.random(count) < 0.12), 1)
    second = pick(throw, (0.45, 0.25, 0.30), count)
    partner = np.full(count, -1)
    shares = np.flatnonzero((throw.random(count - 1) < 0.06) & is_known[:-1] & is_known[1:])
    shares = shares[np.diff(shares, prepend=-2) > 1]  # nobody shares with two
    partner[shares + 1] = shares
    slots[shares], slots[shares + 1] = 2, 2
    second[shares], second[shares + 1] = TABLET, TABLET
    spends = is_known & (throw.random(count) < SPENDERS)
    rate = np.where(spends, throw.gamma(ORDER_SHAPE, ORDER_RATE / ORDER_SHAPE, size=count), 0.0)
    mean = VALUE_P / throw.gamma(VALUE_Q, 1 / VALUE_GAMMA, size=count)
    return People(
        lives=lives,
        is_known=is_known,
        tastes=tastes,
        habit=pick(throw, (0.3, 0.4, 0.15, 0.15), count),
        city=city,
        first=pick(throw, (0.32, 0.38, 0.15, 0.15), count),
        second=second,
        slots=slots.astype(np.int64),
        partner=partner,
        by_alias=throw.random(count) < 0.05,
        order_rate=rate,
        order_mean=mean,
        mood=throw.beta(3, 2, size=count),
        email=is_known & (throw.random(count) < 0.92),
        phone=is_known & (throw.random(count) < 0.86),
        agreed=throw.choice([1, 0, -1], size=count, p=[0.82, 0.1, 0.08]),
    )


def hours() -> Floats:
    """Share of visits by habit, weekend (0 or 1) and local hour: 4 × 2 × 24."""
    hour = np.arange(24) + 0.5
    table = np.zeros((len(HABITS), 2, 24))
    for number, habit in enumerate(HABITS):
        for weekend, peaks in enumerate(_PEAKS[habit]):
            for at, spread, share in peaks:
                apart = np.minimum(abs(hour - at), 24 - abs(hour - at))
                bump = np.exp(-((apart / spread) ** 2) / 2)
                table[number, weekend] += share * bump / bump.sum()
            table[number, weekend] += 0.002
    return np.asarray(table / table.sum(axis=2, keepdims=True))


class Names:
    """The ids of viewers and of their devices."""

    def __init__(self, seed: int, them: People) -> None:
        self._seed = seed
        self._partner = them.partner
        self.users = [f"demo-{seed}-{number + 1:05d}" for number in range(them.size)]

    def visitor(self, viewer: int, slot: int) -> str:
        """The anonymous id of a device; a shared one has that of its owner."""
        return f"demo-{self._seed}-visitor-{self._owner(viewer, slot) + 1:05d}-{slot + 1}"

    def device(self, viewer: int, slot: int) -> str:
        """The id an app reads from its device."""
        return f"demo-{self._seed}-device-{self._owner(viewer, slot) + 1:05d}-{slot + 1}"

    def _owner(self, viewer: int, slot: int) -> int:
        return int(self._partner[viewer]) if slot == 1 and self._partner[viewer] >= 0 else viewer


def device(them: People, viewer: int, slot: int) -> Device:
    """What he uses there. The third is the second one's browser."""
    if slot == 0:
        return FIRST_DEVICES[int(them.first[viewer])]
    return SECOND_DEVICES[int(them.second[viewer]) if slot == 1 else 0]


def traits(seed: int, them: People, until: int) -> list[dict[str, Any]]:
    """What each viewer says of himself when he signs up; empty for who never does. `until` is the end of time."""
    throw = dice(seed, "traits")
    count = them.size
    family, given, further = (throw.integers(0, len(words), count) for words in (FAMILY, GIVEN, GIVEN))
    first, last = throw.integers(0, len(FIRST), count), throw.integers(0, len(LAST), count)
    long_name, gender = throw.random(count) < 0.6, pick(throw, (0.47, 0.47, 0.06), count)
    ages = np.clip(throw.normal(27, 9, count), 15, 70)
    occupation = throw.integers(1, len(OCCUPATIONS), count)
    wechat, language, born = throw.random(count) < 0.25, throw.random(count) < 0.97, throw.random(count) < 0.9
    level = _levels(them)
    today = datetime.fromtimestamp(until / 1000, UTC).date()
    said: list[dict[str, Any]] = []
    for number in range(count):
        if not them.is_known[number]:
            said.append({})
            continue
        city = CITIES[int(them.city[number])]
        chinese = city.country in ("CN", "SG")
        name, english = (
            _chinese(int(family[number]), int(given[number]), int(further[number]) if long_name[number] else None)
            if chinese
            else _western(int(first[number]), int(last[number]))
        )
        its: dict[str, Any] = {
            "name": name if chinese else english,
            "name_zh": name,
            "name_en": english,
            "gender": ("female", "male", "other")[gender[number]],
            "city": city.name,
            "region": city.region,
            "country": city.country,
            "timezone": city.zone,
            "language": "zh" if chinese == bool(language[number]) else "en",
            "occupation": "student" if HABITS[them.habit[number]] == "student" else OCCUPATIONS[occupation[number]],
            "level": LEVELS[level[number]],
        }
        if born[number]:
            its["birthday"] = _birthday(today, float(ages[number])).isoformat()
        if them.email[number]:
            its["email"] = f"viewer.{seed}.{number + 1:05d}@example.com"
        if them.phone[number]:
            its["phone"] = f"+861000{seed % 100:02d}{number + 1:05d}"
        if them.agreed[number] >= 0:
            yes = bool(them.agreed[number])
            its["consent"] = {"marketing": yes, "email": yes, "analytics": True}
        if wechat[number]:
            its["wechat_openid"] = f"demo{seed}wx{number + 1:05d}"
        said.append(its)
    return said


def _levels(them: People) -> Ints:
    """Place in LEVELS: the dearest tenth of spenders is diamond, the next two fifths are gold."""
    worth = them.order_rate * them.order_mean
    spends = worth > 0
    gold, diamond = np.quantile(worth[spends], (0.5, 0.9)) if spends.any() else (0.0, 0.0)
    return np.where(spends, 1 + (worth > gold) + (worth > diamond), 0).astype(np.int64)


def _chinese(family: int, given: int, further: int | None) -> tuple[str, str]:
    letters, sound = GIVEN[given]
    more, sounds = GIVEN[further] if further is not None else ("", "")
    return FAMILY[family][0] + letters + more, f"{FAMILY[family][1]} {(sound + sounds).capitalize()}"


def _western(first: int, last: int) -> tuple[str, str]:
    return f"{FIRST[first][1]}·{LAST[last][1]}", f"{FIRST[first][0]} {LAST[last][0]}"


def _birthday(today: date, age: float) -> date:
    return today - timedelta(days=round(age * 365.2425))


def joined_at(them: People, start: int) -> Ints:
    """When each viewer signed up, as far as that was before the first day; a later one when he does it."""
    spread = (np.arange(them.size) * 7919) % 43_200_000
    return start + them.lives.joined * DAY + spread
