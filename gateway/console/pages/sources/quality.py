"""Data quality: one score, its parts, what costs most, and every event of every source."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gateway.console import names, parts, texts
from gateway.console.desk import Desk, t

SHARES = ("completeness", "validity", "uniqueness", "accepted", "timeliness", "humanity", "freshness")
GOOD, FAIR = 90, 70


def tone(score: float) -> parts.Tone:
    """How a score of 100 looks."""
    return "good" if score >= GOOD else "warn" if score >= FAIR else "bad"


async def draw(desk: Desk) -> None:
    """The score now, how it was, and what to mend first."""
    told = await desk.api.get("/v1/quality")
    measured = [one["source"] for one in (*told["events"], *told["worst"])]
    sources = await names.called(desk, map(names.key_of, measured))
    if not told["events"]:
        with parts.panel():
            parts.empty(
                "sensors",
                t("sources.no_data"),
                t("sources.no_data_hint"),
                action=t("sources.to_keys"),
                href="/sources?tab=keys",
            )
        return
    with ui.element("div").classes("m-figures"):
        parts.figure(t("sources.score"), desk.number(told["score"]), foot=t("sources.of_hundred"))
        received = sum(one["received"] for one in told["events"])
        refused = sum(one["refused"] for one in told["events"])
        parts.figure(t("sources.received"), desk.short(received), foot=t("sources.seven_days"))
        parts.figure(
            t("sources.refused"), desk.short(refused), foot=t("sources.seven_days"), href="/sources?tab=refused"
        )
        last = max(one["last"] for one in told["events"])
        parts.figure(t("sources.last"), desk.time(last), foot=desk.zone.key)
    with parts.grid():
        with parts.panel(t("sources.parts"), span=4):
            for share in SHARES:
                if share in told["shares"]:
                    _share(desk, share, told["shares"][share])
        with parts.panel(t("sources.worst"), hint=t("sources.worst_hint"), span=5):
            if not told["worst"]:
                parts.empty("task_alt", t("sources.none_worst"))
            for one in told["worst"][:6]:
                with parts.stack(tight=True):
                    with parts.row(tight=True):
                        parts.badge(desk.number(one["score"]), tone(one["score"]))
                        ui.label(names.event(one["event"])).classes("m-strong")
                        source = ui.label(names.source(one["source"], sources)).classes("m-mute m-small")
                        parts.attributes(source, title=one["source"])
                    share = _name(desk, one["share"])
                    about = ui.label(f"{share} {desk.percent(one['value'])}").classes("m-small")
                    parts.attributes(about, title=one["why"])
        with parts.panel(t("sources.viewers"), hint=t("sources.viewers_hint"), span=3):
            known = sorted(told["viewers"].items(), key=lambda one: -one[1])[:10]
            for name, value in known:
                label = {"$name": t("people.name"), "$has": t("people.has")}.get(name) or names.trait(name)
                _bar(desk, label, value, judged=False)
            if not known:
                ui.label(t("sources.no_viewers")).classes("m-mute")
    with parts.panel(t("sources.by_event")):
        parts.Table(
            [
                parts.Column("event", t("sources.event")),
                parts.Column("source", t("sources.source")),
                parts.Column("score", t("sources.score")),
                parts.Column("received", t("sources.received"), number=True),
                parts.Column("recorded", t("sources.recorded"), number=True),
                parts.Column("refused", t("sources.refused"), number=True),
                parts.Column("duplicates", t("sources.duplicates"), number=True),
                parts.Column("late", t("sources.late"), number=True),
                parts.Column("bots", t("sources.bots"), number=True, shown=False),
                parts.Column("last", t("sources.last")),
            ],
            [_row(desk, one, sources) for one in told["events"]],
            choose="quality",
        )
    history = (await desk.api.get("/v1/quality/history", limit=200))["items"]
    points = [one for one in reversed(history) if not one["source"] and not one["event"]]
    if len(points) > 1:
        with parts.panel(t("sources.history")):
            times = [desk.time(one["at"]) for one in points]
            parts.lines(times, {t("sources.score"): [one["score"] for one in points]}, label=t("sources.history"))


def _row(desk: Desk, one: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    counts = ("received", "recorded", "refused", "duplicates", "late", "bots")
    return {
        "id": f"{one['source']} {one['event']}",
        "event": names.event(one["event"]),
        "source": parts.Named(names.source(one["source"], sources), one["source"]),
        "score": parts.Badge(desk.number(one["score"]), tone(one["score"])),
        **{name: one[name] for name in counts},
        "last": parts.When(one["last"]),
    }


def _name(desk: Desk, share: str) -> str:
    key = f"sources.share.{share}"
    return t(key) if texts.known(desk.language, key) else share


def _share(desk: Desk, share: str, value: float) -> None:
    with _bar(desk, _name(desk, share), value):
        ui.label(t(f"sources.share_hint.{share}")).classes("m-mute m-small")


def _bar(desk: Desk, label: str, value: float, *, judged: bool = True) -> ui.element:
    with parts.stack(tight=True) as box:
        with parts.row(tight=True):
            ui.label(label).classes("m-grow")
            ui.label(desk.percent(value)).classes("m-small m-mute")
        with ui.element("div").classes("m-bar"):
            mood = tone(value * 100) if judged else "good"
            colour = {"good": "accent", "warn": "warn", "bad": "bad"}[mood or "good"]
            ui.element("div").style(f"width:{value * 100:.1f}%;background:var(--{colour})")
    return box
