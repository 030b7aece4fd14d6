"""The timed cases of a verdict as a Plotly figure: every pair of runs, and the interval that they give.

Not in charge of boards' figures (`hub/boards/plots.py`). Colours are left to the page, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from bench_runner.stats import pair_log_ratio
from hub.bench.models import Measurement
from hub.boards.plots import MOST_TICKS, ratio_axis
from hub.web.plain import plain_line
from hub.web.templatetags.touchstone import duration

ROW_PIXELS = 52
SAMPLES_MOST = 120  # of one side of one case that are drawn
STEPS = ((1, 2, 5), (1, 3), (1,))  # of each decade of time that is labelled, finest first


def figure(measurements: Iterable[Measurement], target: float | None = None) -> dict[str, Any]:
    """Points with error bars over the ratios of single pairs, on a logarithmic axis; the baseline is at 1."""
    rows = list(measurements)[::-1]  # Plotly draws upwards
    # Plotly reads tags in labels: a name is shown as it is.
    names = [escape(plain_line(m.case), quote=False) for m in rows]
    pairs = [(ratio, name) for m, name in zip(rows, names, strict=True) for ratio in pair_ratios(m)]
    shown = [
        target or 1.0,
        *(ratio for ratio, _name in pairs),
        *(m.low for m in rows),
        *(m.high for m in rows),
    ]
    return {
        "data": [_pairs(pairs), _intervals(rows, names)],
        "layout": {
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
            "height": 164 + ROW_PIXELS * max(1, len(rows)),
            "margin": {"l": 10, "r": 20, "t": 78, "b": 50},
            "xaxis": ratio_axis(shown),
            "yaxis": {"automargin": True, "type": "category"},
            "shapes": list(_marks(target)),
            "annotations": list(_captions(target)),
        },
    }


def samples(measurements: Iterable[Measurement]) -> dict[str, Any]:
    """Every sample as a stroke, baseline and submission of each case below each other, and what counts."""
    rows = list(measurements)[::-1]
    sides = (("candidate", _("submission"), "gold"), ("baseline", _("baseline"), "ink-3"))
    data = []
    for side, name, tone in sides:
        strokes = [(seconds, _label(m, name)) for m in rows for seconds in _samples(m, side)]
        typical = [(getattr(m, f"{side}_seconds"), _label(m, name)) for m in rows]
        look = {"size": 15, "symbol": "line-ns-open", "line": {"width": 1.5}}
        data.append(_marks_of(name, strokes, tone, look) | {"opacity": 0.55})
        look = {"size": 12, "symbol": "diamond"}
        data.append(_marks_of(_("typical call of %(side)s") % {"side": name}, typical, tone, look))
    order = [_label(m, name) for m in rows for _side, name, _tone in sides]
    return {
        "data": data,
        "layout": {
            "height": 150 + ROW_PIXELS * len(order),
            "margin": {"l": 10, "r": 20, "t": 60, "b": 50},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
            "xaxis": _duration_axis(x for trace in data for x in trace["x"]),
            "yaxis": {
                "automargin": True,
                "type": "category",
                "categoryorder": "array",
                "categoryarray": order,
            },
        },
    }


def _duration_axis(seconds: Iterable[float]) -> dict[str, Any]:
    """Round times in sight, few enough for a phone; Plotly's own labels leave the unit off most of them."""
    shown = list(seconds)
    low, high = min(shown), max(shown)
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for steps in STEPS:
        ticks = [step * decade for decade in decades for step in steps]
        if sum(low <= tick <= high for tick in ticks) <= MOST_TICKS:
            break
    return {
        "type": "log",
        "title": {"text": _("One call")},
        "automargin": True,
        "tickmode": "array",
        "tickangle": 0,
        "tickvals": ticks,
        "ticktext": [duration(tick) for tick in ticks],
    }


def _label(measurement: Measurement, side: str) -> str:
    return f"{escape(plain_line(measurement.case), quote=False)} · {side}"


def _samples(measurement: Measurement, side: str) -> list[float]:
    """Of all pairs; of very many, every so many-th in the order of their size: the shape stays."""
    every = sorted(seconds for pair in measurement.pairs for seconds in pair.get(side) or () if seconds > 0)
    step = -(-len(every) // SAMPLES_MOST) or 1
    return every[::step]


def _marks_of(name: str, spots: list[tuple[float, str]], tone: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [seconds for seconds, _label in spots],
        "y": [label for _seconds, label in spots],
        "meta": tone,
        "marker": marker,
        "hovertemplate": "%{y}: %{x:.3s}s<extra></extra>",
    }


def pair_ratios(measurement: Measurement) -> list[float]:
    """Baseline over candidate of each pair of processes, as the judge counts them."""
    sides = [(pair.get("baseline"), pair.get("candidate")) for pair in measurement.pairs]
    return [math.exp(pair_log_ratio(*found)) for found in sides if all(found)]


def _pairs(pairs: list[tuple[float, str]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _("one pair of runs"),
        "x": [ratio for ratio, _name in pairs],
        "y": [name for _ratio, name in pairs],
        "marker": {"size": 13, "symbol": "line-ns-open", "line": {"width": 2}},
        "opacity": 0.75,
        "hovertemplate": "%{y}: %{x:.3f}×<extra></extra>",
    }


def _intervals(rows: list[Measurement], names: list[str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _("mean with 95 % interval"),
        "x": [m.ratio for m in rows],
        "y": names,
        "marker": {"size": 11},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [m.high - m.ratio for m in rows],
            "arrayminus": [m.ratio - m.low for m in rows],
            "thickness": 2,
            "width": 6,
        },
        "hovertemplate": "%{y}: %{x:.3f}×<extra></extra>",
    }


def _lines(target: float | None) -> list[tuple[float, str, str]]:
    lines = [(1.0, "dot", _("baseline"))]
    if target is not None and not math.isclose(target, 1.0):
        lines.append((target, "dash", _("target")))
    return lines


def _marks(target: float | None) -> Iterable[dict[str, Any]]:
    for x, dash, _text in _lines(target):
        yield {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": {"dash": dash}}


def _captions(target: float | None) -> Iterable[dict[str, Any]]:
    for number, (x, _dash, text) in enumerate(_lines(target)):
        # On a logarithmic axis an annotation stands at the logarithm.
        yield {
            "x": math.log10(x),
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "yshift": 14 * number,  # the two lines may lie close together
            "text": text,
            "showarrow": False,
        }
