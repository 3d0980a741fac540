"""How the console looks: one accent colour, greys, spacing, and charts in the same palette, by day and by night.

The tokens stand here once: the style sheet (`assets/console.css`) uses them as CSS variables, charts as values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nicegui import app, ui

ASSETS = Path(__file__).parent / "assets"

FONT = (
    'Inter, "SF Pro Text", "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", '
    '"Noto Sans CJK SC", "Noto Sans SC", sans-serif'
)

LIGHT = {
    "bg": "#f5f6f6",
    "panel": "#ffffff",
    "raised": "#ffffff",
    "sunken": "#eff1f1",
    "line": "#e1e5e5",
    "text": "#1a2022",
    "mute": "#637074",
    "accent": "#0f766e",
    "accent-soft": "#e2f0ee",
    "on-accent": "#ffffff",
    "good": "#2f7d43",
    "good-soft": "#e5f2e8",
    "warn": "#a05a08",
    "warn-soft": "#faefdd",
    "bad": "#b3362c",
    "bad-soft": "#f9e6e4",
}

DARK = {
    "bg": "#121617",
    "panel": "#1a1f20",
    "raised": "#22292a",
    "sunken": "#151a1b",
    "line": "#2d3537",
    "text": "#e4e8e8",
    "mute": "#97a3a6",
    "accent": "#3cb5a7",
    "accent-soft": "#16312e",
    "on-accent": "#06211e",
    "good": "#6fbf83",
    "good-soft": "#1b3022",
    "warn": "#dba354",
    "warn-soft": "#352816",
    "bad": "#e58277",
    "bad-soft": "#3a201d",
}

SERIES_LIGHT = ("#0f766e", "#5b7db1", "#c2862f", "#9c5b7d", "#7d8a3c", "#6c757a")
SERIES_DARK = ("#3cb5a7", "#86a5d6", "#dba354", "#c98aa9", "#a9b669", "#97a3a6")
"""Colours of series in their order; the first is the accent."""


def colours(*, dark: bool) -> dict[str, str]:
    """The tokens by name."""
    return DARK if dark else LIGHT


def series(*, dark: bool) -> tuple[str, ...]:
    """Colours of a chart's series."""
    return SERIES_DARK if dark else SERIES_LIGHT


def ramp(*, dark: bool) -> list[str]:
    """Colours from little to much, for heat maps."""
    return (
        ["#22292a", "#17403b", "#1c5750", "#2b877c", "#3cb5a7", "#9be3d9"]
        if dark
        else ["#f5f6f6", "#d9ecea", "#a5d2cc", "#5fada3", "#0f766e", "#0a4f4a"]
    )


def echarts(*, dark: bool) -> dict[str, Any]:
    """The ECharts theme: quiet axes, no boxes, tooltips like our panels."""
    c = colours(dark=dark)
    axis = {
        "axisLine": {"lineStyle": {"color": c["line"]}},
        "axisTick": {"show": False},
        "axisLabel": {"color": c["mute"], "fontSize": 11},
        "splitLine": {"lineStyle": {"color": c["line"], "type": "dashed"}},
        "nameTextStyle": {"color": c["mute"]},
    }
    return {
        "color": list(series(dark=dark)),
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": FONT, "color": c["text"]},
        "title": {"textStyle": {"color": c["text"]}},
        "legend": {"textStyle": {"color": c["mute"], "fontSize": 11}, "itemWidth": 12, "itemHeight": 8},
        "tooltip": {
            "backgroundColor": c["raised"],
            "borderColor": c["line"],
            "textStyle": {"color": c["text"], "fontSize": 12},
            "extraCssText": "box-shadow:0 4px 16px rgba(0,0,0,.12);border-radius:6px",
        },
        "categoryAxis": {**axis, "splitLine": {"show": False}},
        "valueAxis": {**axis, "axisLine": {"show": False}},
        "timeAxis": axis,
        "logAxis": axis,
        "line": {"symbolSize": 5, "lineStyle": {"width": 2}},
        "bar": {"itemStyle": {"borderRadius": [2, 2, 0, 0]}},
        "radar": {
            "splitLine": {"lineStyle": {"color": c["line"]}},
            "axisLine": {"lineStyle": {"color": c["line"]}},
            "splitArea": {"show": False},
            "axisName": {"color": c["mute"]},
        },
    }


def install() -> None:
    """Make every page of this process look like this."""
    app.add_static_files("/assets", ASSETS)
    sheet = (ASSETS / "console.css").read_text(encoding="utf-8")
    ui.add_css(f"{_variables(':root', LIGHT)}\n{_variables('body.body--dark', DARK)}\n{sheet}", shared=True)
    ui.add_head_html('<link rel="icon" href="/assets/marquee.svg" type="image/svg+xml">', shared=True)
    for field in (ui.input, ui.select, ui.number, ui.textarea):
        field.default_props("outlined dense stack-label hide-bottom-space")
    ui.select.default_props("options-dense")
    ui.button.default_props("unelevated no-caps dense")
    ui.table.default_props("flat dense")
    ui.checkbox.default_props("dense size=sm")
    ui.switch.default_props("dense size=sm")
    ui.menu.default_props("no-focus")


def _variables(where: str, tokens: dict[str, str]) -> str:
    body = "".join(f"--{name}:{value};" for name, value in tokens.items())
    return f"{where}{{{body}--font:{FONT};--q-primary:{tokens['accent']};--q-negative:{tokens['bad']};}}"
