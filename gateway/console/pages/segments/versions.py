"""Versions of a segment: what each said, what differs from another, and the way back."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from gateway.console import names, parts
from gateway.console.desk import Desk, t
from gateway.console.parts.rule import said


async def draw(desk: Desk, one: dict[str, Any]) -> None:
    """The newest first; a version is compared with the one before it, or with any other."""
    versions = await desk.api.get(f"/v1/segments/{one['key']}/versions")
    numbers = {version["version"]: f"{version['version']} · {desk.time(version['at'])}" for version in versions}
    called = await names.called(desk, (version["by"] for version in versions))
    with parts.grid():
        with parts.panel(t("segments.tab.versions"), span=7):
            parts.Table(
                [
                    parts.Column("version", t("segments.version"), number=True, width="60px"),
                    parts.Column("name", t("segments.name")),
                    parts.Column("at", t("segments.from_when")),
                    parts.Column("by", t("segments.author")),
                ],
                [_row(desk, one, version, called) for version in versions],
                key="version",
                acts=[
                    parts.Act("diff", t("segments.diff"), lambda row: compare(row["version"])),
                    parts.Act("back", t("segments.roll_back"), lambda row: _back(desk, one, row["version"])),
                ],
            )
        with parts.panel(t("segments.differences"), span=5):
            with parts.row():
                before = ui.select(numbers, label=t("segments.before")).style("width:200px")
                after = ui.select(numbers, label=t("segments.after")).style("width:200px")
            box = parts.stack()

            async def show() -> None:
                box.clear()
                if before.value is None or after.value is None:
                    return
                with box:
                    parts.later(lambda: _diff(desk, one["key"], versions, called, before.value, after.value))

            async def compare(number: int) -> None:
                earlier = [known for known in numbers if known < number]
                before.set_value(max(earlier) if earlier else number)
                after.set_value(number)

            newest = versions[0]["version"]
            before.set_value(versions[1]["version"] if len(versions) > 1 else newest)
            after.set_value(newest)
            before.on_value_change(show)
            after.on_value_change(show)
            await show()


def _row(desk: Desk, one: dict[str, Any], version: dict[str, Any], called: dict[str, str]) -> dict[str, Any]:
    current = version["version"] == one["version"]
    may = desk.may("segment:write") and not one["archived"] and not current and version["rule"] is not None
    archived = f" ({t('segments.archived')})" if version["archived"] else ""
    return {
        "version": version["version"],
        "name": version["name"] + archived,
        "at": parts.When(version["at"]),
        "by": parts.Named(called.get(version["by"], version["by"] or ""), version["by"] or ""),
        "acts": ["diff", *(["back"] if may else [])],
    }


async def _diff(
    desk: Desk, key: str, versions: list[dict[str, Any]], called: dict[str, str], before: int, after: int
) -> None:
    told = await desk.api.get(f"/v1/segments/{key}/diff", before=before, after=after)
    by = next(version["by"] for version in versions if version["version"] == after)
    if by:
        author = ui.label(f"{t('segments.author')} {called.get(by, by)}").classes("m-mute m-small")
        parts.attributes(author, title=by)
    if not told["differences"]:
        ui.label(t("segments.same")).classes("m-mute")
    for one in told["differences"]:
        with parts.row(tight=True).classes("m-diff"):
            ui.label(path_words(one["path"])).classes("m-mono m-mute")
            ui.label(_shown(one["before"])).classes("m-diff-before")
            ui.label("→").classes("m-mute")
            ui.label(_shown(one["after"])).classes("m-diff-after")
    rules = {version["version"]: version["rule"] for version in versions}
    with parts.grid():
        for title, number in ((t("segments.before"), before), (t("segments.after"), after)):
            with parts.stack(tight=True).classes("m-6"):
                ui.label(f"{title} · {number}").classes("m-mute m-small")
                if rules.get(number) is not None:
                    said(rules[number])


def path_words(path: list[str | int]) -> str:
    """A path as errors show it: rule.all[0].within."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.lstrip(".")


def _shown(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


async def _back(desk: Desk, one: dict[str, Any], number: int) -> None:
    question = t("segments.roll_back_ask", n=number)
    if await parts.confirm(one["name"], question, action=t("segments.roll_back"), danger=False):
        await desk.api.post(f"/v1/segments/{one['key']}/versions/{number}/rollback")
        ui.navigate.to(f"/segments/{one['key']}")
