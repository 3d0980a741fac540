"""A simulated audience, the same for the same seed: who they are, what they like, what they did on each day.

Everything of one calendar day is drawn from (seed, viewer, date) alone, and its message ids name the date: loading the
demo again changes nothing, and loading it tomorrow adds one day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

TITLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "anime": (
        ("星海巡航者 第{n}集", "新番速览:第{n}周", "手绘分镜课 {n}"),
        ("Starfarers, episode {n}", "This week's anime, no. {n}", "Drawing frames by hand {n}"),
    ),
    "gaming": (
        ("速通挑战 第{n}关", "独立游戏推荐 {n}", "高手复盘 {n}"),
        ("Speedrun, level {n}", "Indie games worth a night, {n}", "A pro looks back, {n}"),
    ),
    "music": (
        ("深夜吉他 {n}", "一分钟编曲 {n}", "街头现场 {n}"),
        ("Late night guitar {n}", "Arranged in a minute {n}", "Live on the street {n}"),
    ),
    "food": (
        ("十分钟晚饭 {n}", "巷子里的面馆 {n}", "家常点心 {n}"),
        ("Dinner in ten minutes {n}", "Noodles of the alley {n}", "Dim sum at home {n}"),
    ),
    "sport": (
        ("晨跑五公里 {n}", "周末足球集锦 {n}", "拉伸十五分钟 {n}"),
        ("Five kilometres at dawn {n}", "Weekend goals {n}", "Fifteen minutes of stretching {n}"),
    ),
    "science": (
        ("三分钟物理 {n}", "显微镜下 {n}", "今晚看星星 {n}"),
        ("Physics in three minutes {n}", "Under the microscope {n}", "Tonight's sky {n}"),
    ),
}
CATEGORIES = tuple(TITLES)
ITEMS_EACH = 24
FAMILY = ("林", "陈", "王", "李", "张", "刘", "赵", "周", "吴", "黄")
GIVEN = ("伟", "芳", "静", "磊", "洋", "艳", "杰", "婷", "浩", "雪")
FIRST = ("Ada", "Ben", "Clara", "Dario", "Emma", "Finn", "Greta", "Hugo", "Iris", "Jonas")
LAST = ("Adler", "Brook", "Castle", "Dale", "Ember", "Field", "Grove", "Hill", "Iverson", "Jensen")
REGIONS = ("Beijing", "Shanghai", "Guangdong", "Sichuan", "Zhejiang", "Singapore", "Berlin", "Toronto")
DEVICES = ("ios", "android", "web")
ROUND, AWAY = 40, 12
"""A viewer stays away for 12 days in 40, so that about one in eight has been silent for a week at any time."""
NEWCOMERS = 100
"""One newcomer a day for this many regular viewers (at least one)."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """One person. `tastes` are chances by category; `joined` is None for regulars, who have always been there."""

    user_id: str
    anonymous_id: str
    traits: dict[str, Any]
    tastes: tuple[float, ...]
    device: str
    eager: float
    phase: int
    joined: date | None = None


def items(seed: int) -> list[dict[str, Any]]:
    """The catalogue: 24 videos a category, half of them titled in Chinese, half in English."""
    made = []
    for category, (chinese, english) in TITLES.items():
        for number in range(ITEMS_EACH):
            titles, language = ((chinese, "zh"), (english, "en"))[number % 2]
            draw = _draw(seed, "item", category, number)
            made.append(
                {
                    "id": _item_id(category, number),
                    "kind": "video",
                    "title": titles[number // 2 % len(titles)].format(n=number // 2 + 1),
                    "creator_id": _creator(category, number),
                    "tags": [category, language],
                    "properties": {
                        "category": category,
                        "language": language,
                        "duration_seconds": draw.randint(20, 900),
                    },
                }
            )
    return made


def regulars(seed: int, count: int) -> list[Viewer]:
    """Viewers who were there before the first day."""
    return [_viewer(seed, f"{number:04d}") for number in range(1, count + 1)]


def newcomers(seed: int, count: int, day: date) -> list[Viewer]:
    """Viewers who come for the first time on that day, on an audience of `count` regulars."""
    return [_viewer(seed, f"{day:%Y%m%d}-{number}", joined=day) for number in range(1, max(1, count // NEWCOMERS) + 1)]


def identify(seed: int, viewer: Viewer, at: datetime) -> dict[str, Any]:
    """The call that tells who stands behind an anonymous id."""
    return {
        "type": "identify",
        "messageId": f"demo:{seed}:identify:{viewer.user_id}",
        "userId": viewer.user_id,
        "anonymousId": viewer.anonymous_id,
        "timestamp": _text(at),
        "traits": viewer.traits,
    }


def messages(seed: int, viewer: Viewer, day: date) -> list[dict[str, Any]]:
    """What the viewer did on that day, in order of time. A newcomer looks around unknown, then signs up."""
    draw = _draw(seed, viewer.user_id, day)
    new = viewer.joined == day
    if not new and (draw.random() > viewer.eager or (day.toordinal() + viewer.phase) % ROUND < AWAY):
        return []
    at = datetime.combine(day, time(hour=draw.choice((7, 8, 12, 13, 18, 19, 20, 21)), tzinfo=UTC))
    visit = _Visit(seed=seed, viewer=viewer, day=day, known=not new, at=at + timedelta(seconds=draw.randint(0, 3000)))
    for number in range(draw.randint(3, 6)):
        if new and number == 2:
            visit.known = True
            visit.said.append(identify(seed, viewer, visit.at))
            visit.track("Signed Up", {"method": draw.choice(("phone", "email", "wechat"))}, after=0)
        _meet(visit, draw)
    return visit.said


@dataclass
class _Visit:
    """One viewer's day while it is being told. `known` says whether he is signed in."""

    seed: int
    viewer: Viewer
    day: date
    known: bool
    at: datetime
    said: list[dict[str, Any]] = field(default_factory=list)

    def track(self, event: str, properties: dict[str, Any], *, after: int) -> None:
        """He does this `after` seconds from now."""
        self.at += timedelta(seconds=after)
        self.said.append(
            {
                "type": "track",
                "messageId": f"demo:{self.seed}:{self.day}:{self.viewer.user_id}:{len(self.said) + 1}",
                "event": event,
                "anonymousId": self.viewer.anonymous_id,
                **({"userId": self.viewer.user_id} if self.known else {}),
                "timestamp": _text(self.at),
                "properties": properties,
                "context": {"device": {"type": self.viewer.device}},
            }
        )


def _meet(visit: _Visit, draw: random.Random) -> None:
    """He is shown one video, and does with it what his taste for its category makes likely."""
    category = draw.choices(CATEGORIES, weights=visit.viewer.tastes)[0]
    number = draw.randrange(ITEMS_EACH)
    fond = visit.viewer.tastes[CATEGORIES.index(category)]
    about = {
        "content_id": _item_id(category, number),
        "creator_id": _creator(category, number),
        "category": category,
        "tags": [category],
    }
    visit.track("Content Shown", about, after=draw.randint(2, 40))
    if draw.random() > 0.35 + fond:
        return
    visit.track("Content Opened", about, after=1)
    duration = draw.randint(20, 900)
    completion = round(draw.betavariate(1.2 + 3 * fond, 1.6), 3)
    seen = round(duration * completion, 1)
    watched = {"watch_seconds": seen, "duration_seconds": duration, "completion": completion}
    visit.track("Video Watched", {**about, **watched}, after=max(1, round(seen)))
    for event, chance in (("Content Liked", 0.7), ("Content Shared", 0.08), ("Creator Followed", 0.06)):
        if draw.random() < chance * fond * completion:
            visit.track(event, about, after=draw.randint(1, 5))
    if draw.random() < 0.05:
        words = draw.choice(("太好看了!", "Again, please!", "一般般"))
        visit.track("Content Commented", {**about, "text": words}, after=draw.randint(5, 30))


def joined_at(seed: int, viewer: Viewer) -> datetime:
    """When a regular signed up: some day of 2024, the same at every load."""
    draw = _draw(seed, viewer.user_id, "joined")
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(366 * 86400))


def _viewer(seed: int, number: str, *, joined: date | None = None) -> Viewer:
    draw = _draw(seed, "viewer", number)
    chinese = draw.random() < 0.6
    name = draw.choice(FAMILY) + draw.choice(GIVEN) if chinese else f"{draw.choice(FIRST)} {draw.choice(LAST)}"
    favourite = draw.randrange(len(CATEGORIES))
    weights = [draw.uniform(0.02, 0.1) + (0.6 if each == favourite else 0) for each in range(len(CATEGORIES))]
    traits = {
        "name": name,
        "email": f"viewer.{seed}.{number}@example.com",
        "age": draw.randint(13, 58),
        "gender": draw.choice(("female", "male", "unsaid")),
        "region": draw.choice(REGIONS),
        "language": "zh" if chinese else "en",
        "plan": draw.choices(("free", "member"), weights=(4, 1))[0],
    }
    return Viewer(
        user_id=f"demo-{seed}-{number}",
        anonymous_id=f"demo-{seed}-device-{number}",
        traits=traits,
        tastes=tuple(weight / sum(weights) for weight in weights),
        device=draw.choice(DEVICES),
        eager=draw.uniform(0.25, 0.95),
        phase=draw.randrange(ROUND),
        joined=joined,
    )


def _draw(*words: object) -> random.Random:
    """The dice of one thing: the same words, the same throws."""
    return random.Random(":".join(str(word) for word in words))  # noqa: S311 a simulation, not a secret


def _item_id(category: str, number: int) -> str:
    return f"demo-{category}-{number + 1:02d}"


def _creator(category: str, number: int) -> str:
    return f"demo-creator-{category}-{number % 4 + 1}"


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
