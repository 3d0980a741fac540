"""Charts by ECharts, in the console's palette. Each has a text for who cannot see it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import theme
from gateway.console.parts.attributes import attributes


def chart(options: dict[str, Any], *, height: int = 220, label: str = "", on_click: Any = None) -> ui.echart:
    """Any ECharts options in our theme. `label` says in words what it shows."""
    dark = desks.here().dark
    base = {"animationDuration": 250, "textStyle": {"fontFamily": theme.FONT}, "aria": {"enabled": True}}
    if label:
        base["aria"] = {"enabled": True, "label": {"description": label}}
    made = ui.echart({**base, **options}, on_point_click=on_click, theme=theme.echarts(dark=dark), renderer="canvas")
    return attributes(made.style(f"height:{height}px;width:100%"), role="img", aria_label=label)


def lines(
    days: Sequence[str],
    named: Mapping[str, Sequence[float | None]],
    *,
    before: Mapping[str, Sequence[float | None]] | None = None,
    height: int = 220,
    area: bool = True,
    bands: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    percent: bool = False,
    label: str = "",
) -> ui.echart:
    """Lines over days (labels as they shall stand). `before` is the period before, dashed; `bands` are intervals."""
    colours = theme.series(dark=desks.here().dark)
    drawn: list[dict[str, Any]] = []
    for number, (name, values) in enumerate(named.items()):
        colour = colours[number % len(colours)]
        if bands and name in bands:
            drawn += _band(name, *bands[name], colour)
        line = {"name": name, "type": "line", "data": list(values), "showSymbol": len(days) < 2, "color": colour}
        if area and len(named) == 1 and not bands:
            line["areaStyle"] = {"opacity": 0.08}
        drawn.append(line)
    for number, (name, values) in enumerate((before or {}).items()):
        # One line: the period before is grey beside the accent. Several: each keeps its colour, fainter.
        colour = colours[-1] if len(named) == 1 else colours[number % len(colours)]
        style = {"type": "dashed", "width": 1.5, "opacity": 0.8 if len(named) == 1 else 0.5}
        drawn.append(
            {
                "name": name,
                "type": "line",
                "data": list(values),
                "showSymbol": False,
                "color": colour,
                "lineStyle": style,
            }
        )
    shown = [*named, *(before or {})]
    value_axis: dict[str, Any] = {"type": "value", "minInterval": 0 if percent else 1, "splitNumber": 4}
    if percent:
        value_axis["axisLabel"] = {":formatter": "value => (value * 100).toFixed(value < 0.1 ? 1 : 0) + '%'"}
    tooltip: dict[str, Any] = {"trigger": "axis"}
    if percent:
        tooltip[":valueFormatter"] = "value => value == null ? '–' : (value * 100).toFixed(2) + '%'"
    return chart(
        {
            "grid": {"left": 4, "right": 26, "top": 30 if len(shown) > 1 else 12, "bottom": 4, "containLabel": True},
            "legend": {"data": shown, "top": 0, "left": 0, "show": len(shown) > 1, "icon": "roundRect"},
            "tooltip": tooltip,
            "xAxis": {"type": "category", "data": list(days), "boundaryGap": False},
            "yAxis": value_axis,
            "series": drawn,
        },
        height=height,
        label=label,
    )


def _band(name: str, low: Sequence[float], high: Sequence[float], colour: str) -> list[dict[str, Any]]:
    """An interval as two stacked lines without strokes."""
    hidden = {
        "type": "line",
        "stack": f"band {name}",
        "lineStyle": {"opacity": 0},
        "showSymbol": False,
        "silent": True,
        "tooltip": {"show": False},
        "color": colour,
    }
    height = [top - bottom for bottom, top in zip(low, high, strict=True)]
    return [
        {**hidden, "name": f"{name} –", "data": list(low)},
        {**hidden, "name": f"{name} +", "data": height, "areaStyle": {"opacity": 0.15}},
    ]


def bars(
    names: Sequence[str],
    named: Mapping[str, Sequence[float | None]],
    *,
    height: int = 220,
    flat: bool = False,
    stacked: bool = False,
    label: str = "",
) -> ui.echart:
    """Bars; `flat` lays them on their side, the first on top."""
    category: dict[str, Any] = {"type": "category", "data": list(names)}
    value: dict[str, Any] = {"type": "value", "splitNumber": 4}
    if flat:
        category |= {"inverse": True, "axisLabel": {"width": 120, "overflow": "truncate"}}
    drawn = [
        {
            "name": name,
            "type": "bar",
            "data": list(values),
            "barMaxWidth": 26,
            **({"stack": "all"} if stacked else {}),
            "itemStyle": {"borderRadius": [0, 3, 3, 0] if flat else [3, 3, 0, 0]},
        }
        for name, values in named.items()
    ]
    return chart(
        {
            "grid": {"left": 4, "right": 20, "top": 30 if len(named) > 1 else 10, "bottom": 4, "containLabel": True},
            "legend": {"show": len(named) > 1, "top": 0, "left": 0},
            "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}},
            "xAxis": value if flat else category,
            "yAxis": category if flat else value,
            "series": drawn,
        },
        height=height,
        label=label,
    )


def heat(
    columns: Sequence[str],
    rows: Sequence[str],
    cells: Sequence[tuple[int, int, float | None]],
    *,
    height: int = 220,
    percent: bool = False,
    numbers: bool = False,
    label: str = "",
    on_click: Any = None,
) -> ui.echart:
    """A heat map: cells are (column, row, value); the first row stands on top. `numbers` writes values into cells."""
    dark = desks.here().dark
    most = max((value for _, _, value in cells if value is not None), default=0.0) or 1.0
    shown = "(v * 100).toFixed(0) + '%'" if percent else "v"
    says = f"p => {{ const v = p.value[2]; return v == null ? '' : {shown}; }}"
    return chart(
        {
            "grid": {"left": 4, "right": 8, "top": 8, "bottom": 4, "containLabel": True},
            "tooltip": {":formatter": _heat_words(columns, rows, percent=percent)},
            "xAxis": {"type": "category", "data": list(columns), "splitArea": {"show": False}},
            "yAxis": {"type": "category", "data": list(rows), "inverse": True},
            "visualMap": {
                "min": 0,
                "max": most,
                "show": False,
                "dimension": 2,
                "inRange": {"color": theme.ramp(dark=dark)},
            },
            "series": [
                {
                    "type": "heatmap",
                    "data": [[x, y, "-" if value is None else value] for x, y, value in cells],
                    "itemStyle": {
                        "borderColor": theme.colours(dark=dark)["panel"],
                        "borderWidth": 2,
                        "borderRadius": 3,
                    },
                    "label": {"show": numbers, "fontSize": 11, ":formatter": says},
                }
            ],
        },
        height=height,
        label=label,
        on_click=on_click,
    )


def _heat_words(columns: Sequence[str], rows: Sequence[str], *, percent: bool) -> str:
    value = "(p.value[2] * 100).toFixed(1) + '%'" if percent else "p.value[2].toLocaleString()"
    # ECharts writes what a formatter answers into the page as HTML, and names of segments are anyone's.
    x, y = (json.dumps([html.escape(one) for one in said], ensure_ascii=False) for said in (columns, rows))
    return f"p => {y}[p.value[1]] + ' · ' + {x}[p.value[0]] + '<br><b>' + {value} + '</b>'"


def radar(
    axes: Sequence[str], named: Mapping[str, Sequence[float]], *, height: int = 260, label: str = ""
) -> ui.echart:
    """A radar; every axis ends at the largest value there is."""
    most = max((value for values in named.values() for value in values), default=1.0) or 1.0
    data = [
        {"name": name, "value": list(values), "areaStyle": {"opacity": 0.15 if number == 0 else 0.05}}
        for number, (name, values) in enumerate(named.items())
    ]
    return chart(
        {
            "legend": {"show": len(named) > 1, "bottom": 0},
            "tooltip": {},
            "radar": {"indicator": [{"name": name, "max": most} for name in axes], "radius": "68%"},
            "series": [{"type": "radar", "symbolSize": 4, "data": data}],
        },
        height=height,
        label=label,
    )


def funnel(
    steps: Sequence[tuple[str, float]], *, height: int = 240, label: str = "", on_click: Any = None
) -> ui.echart:
    """Steps from many to few as bars on their side: count, share of the first, and share of the step before.

    A step with more than the one before is no part of it, and shows no share of it.
    """
    desk = desks.here()
    first = steps[0][1] if steps else 0
    names, said = [name for name, _ in steps], []
    for number, (_, value) in enumerate(steps):
        before = steps[number - 1][1] if number else value
        of_first = desk.percent(value / first) if first else "–"
        of_before = f"  ·  {desk.percent(value / before)} ↧" if number and before and value <= before else ""
        said.append(f"{desk.number(value)}  ·  {of_first}{of_before}")
    return chart(
        {
            "grid": {"left": 4, "right": 190, "top": 6, "bottom": 4, "containLabel": True},
            "tooltip": {},
            "xAxis": {"type": "value", "show": False, "max": first or 1},
            "yAxis": {"type": "category", "inverse": True, "data": names, "axisLine": {"show": False}},
            "series": [
                {
                    "type": "bar",
                    "barWidth": "62%",
                    "showBackground": True,
                    "backgroundStyle": {"color": theme.colours(dark=desk.dark)["sunken"], "borderRadius": 3},
                    "itemStyle": {"borderRadius": 3},
                    "data": [
                        {
                            "value": value,
                            "label": {
                                "show": True,
                                "position": "right",
                                "formatter": text,
                                "color": theme.colours(dark=desk.dark)["text"],
                            },
                        }
                        for (_, value), text in zip(steps, said, strict=True)
                    ],
                }
            ],
        },
        height=height,
        label=label,
        on_click=on_click,
    )
