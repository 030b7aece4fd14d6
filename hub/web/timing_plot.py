"""The timed cases of a verdict as a Plotly figure: every pair of runs, and the interval that they give.

Not in charge of boards' figures (`hub/boards/plots.py`). Colours are left to the page, light or dark.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from hub.bench.models import Measurement
from hub.boards.plots import ratio_axis
from hub.web.plain import plain_line

ROW_PIXELS = 52


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


def pair_ratios(measurement: Measurement) -> list[float]:
    """Baseline over candidate of each pair of processes, by the medians of their samples."""
    found = []
    for pair in measurement.pairs:
        baseline, candidate = pair.get("baseline"), pair.get("candidate")
        if baseline and candidate and (below := statistics.median(candidate)) > 0:
            found.append(statistics.median(baseline) / below)
    return found


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
