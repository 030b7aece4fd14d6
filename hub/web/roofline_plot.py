"""The timed cases of a verdict under the machine's roofline, as a Plotly figure.

What a case must at least move and compute comes from its task, the roofs from what the worker measured of
itself: memory and the nearest cache, up to the peak of its arithmetic in single precision.
S. Williams, A. Waterman, D. Patterson: Roofline (Communications of the ACM 52(4), 2009).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from hub.bench.models import Measurement
from hub.web.labels import RATES, is_number
from hub.web.plain import plain_line
from tasks.spec import Case, Work

GIGA = 1e9
DECADES_IN_STEPS = 3.0
ROOM = 4.0  # so many times left and right of what is drawn


def figure(
    measurements: Iterable[Measurement], cases: Mapping[str, Case], work: Work, machine: Mapping[str, Any]
) -> dict[str, Any] | None:
    """None where the machine told too little of itself or no case computes anything."""
    peak, memory, cache = (machine.get(name) for name in ("flops", "bandwidth", "cache_bandwidth"))
    if not (
        is_number(peak) and is_number(memory) and is_number(cache) and peak > 0 and memory > 0 and cache > 0
    ):
        return None
    spots = [
        (m, work.flops_of(case) / work.bytes_of(case), work.flops_of(case))
        for m in measurements
        if (case := cases.get(m.case)) is not None and work.flops_of(case) > 0 and work.bytes_of(case) > 0
    ]
    if not spots:
        return None
    ends = [peak / memory, peak / cache, *(intensity for _m, intensity, _flops in spots)]
    low, high = min(ends) / ROOM, max(ends) * ROOM
    rates = [peak, low * memory, *(flops / m.baseline_seconds for m, _intensity, flops in spots)]
    rates += [flops / m.candidate_seconds for m, _intensity, flops in spots]
    return {
        "data": [
            _roof(_("memory"), memory, peak, low, high, "wait"),
            _roof(_("nearest cache"), cache, peak, low, high, "ink-3"),
            _points(_("baseline"), spots, "baseline_seconds", "ink-3", "circle-open"),
            _points(_("submission"), spots, "candidate_seconds", "gold", "diamond"),
        ],
        "layout": {
            "height": 420,
            "margin": {"l": 10, "r": 20, "t": 70, "b": 50},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
            "xaxis": _axis(_("operations per byte"), low, high),
            "yaxis": _axis(RATES["flops"], min(rates), max(rates)),
        },
    }


def _axis(title: str, low: float, high: float) -> dict[str, Any]:
    """With a number at 1, 2 and 5 of each decade, at 1 alone where there are many: more would overlap."""
    step = 1 if math.log10(high / low) > DECADES_IN_STEPS else "D2"
    return {
        "type": "log",
        "title": {"text": title},
        "automargin": True,
        "tickformat": "~g",
        "dtick": step,
    }


def _roof(name: str, bandwidth: float, peak: float, low: float, high: float, tone: str) -> dict[str, Any]:
    ridge = peak / bandwidth
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [low, ridge, high],
        "y": [low * bandwidth / GIGA, peak / GIGA, peak / GIGA],
        "meta": tone,
        "line": {"width": 2},
        "hoverinfo": "skip",
    }


def _points(
    name: str, spots: list[tuple[Measurement, float, float]], seconds: str, tone: str, symbol: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [intensity for _m, intensity, _flops in spots],
        "y": [flops / getattr(m, seconds) / GIGA for m, _intensity, flops in spots],
        # Plotly reads tags in labels: a name is shown as it is.
        "text": [escape(plain_line(m.case), quote=False) for m, _intensity, _flops in spots],
        "meta": tone,
        "marker": {"size": 12, "symbol": symbol, "line": {"width": 2}},
        "hovertemplate": "%{text}: %{y:.3g}<extra></extra>",
    }
