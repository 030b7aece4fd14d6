"""A board as Plotly figures (JSON): ratios with their intervals, best on top, and over time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from hub.boards.history import Moment
from hub.boards.queries import Board

ROW_PIXELS = 44
BASELINE = {"type": "line", "line": {"dash": "dot"}}
# Ratios that may be labelled, finest first; the first row with no more than MOST_TICKS in sight is taken.
TICKS = (
    (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35, 1.4),
    (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2),
    (0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2),
    (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6),
    (0.1, 0.25, 0.5, 1, 2, 4, 8),
    (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
    (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
    (0.01, 0.1, 1, 10, 100, 1000),
)
MOST_TICKS = 5
ROOM = 0.12  # of a figure's span, on either side: half a caption on a phone
LEAST_ROOM = 0.01  # in powers of ten, where all ratios are nearly one


def figure(board: Board) -> dict[str, Any]:
    """Points with error bars on a logarithmic axis, and the baseline as a line at 1.

    Colours are left to the page, which knows whether it is light or dark.
    """
    line = {**BASELINE, "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper"}
    # On a logarithmic axis an annotation stands at the logarithm: 0 is the ratio 1.
    caption = {
        "x": 0,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": _("baseline"),
        "showarrow": False,
    }
    return {
        "data": [_points(board)],
        "layout": {
            "showlegend": False,
            "height": 110 + ROW_PIXELS * max(1, len(board.entries)),
            "margin": {"l": 10, "r": 20, "t": 30, "b": 50},
            "xaxis": ratio_axis(end for entry in board.entries for end in (entry.low, entry.high)),
            "yaxis": {"automargin": True},
            "shapes": [line],
            "annotations": [caption],
        },
    }


def _points(board: Board) -> dict[str, Any]:
    entries = board.entries[::-1]  # Plotly draws upwards
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [entry.ratio for entry in entries],
        # Plotly reads tags in labels: a name is shown as it is.
        "y": [f"{escape(entry.user.shown_name, quote=False)} #{entry.pull.pk}" for entry in entries],
        "marker": {"size": 11},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [entry.high - entry.ratio for entry in entries],
            "arrayminus": [entry.ratio - entry.low for entry in entries],
            "thickness": 2,
            "width": 6,
        },
        "hovertemplate": "%{y}: %{x:.3f}×<extra></extra>",
    }


def history_figure(moments: Sequence[Moment]) -> dict[str, Any]:
    """Every first timing as a point over time, records as steps; the baseline is the line at 1."""
    records = [moment for moment in moments if moment.is_record]
    others = [moment for moment in moments if not moment.is_record]
    steps = {
        "type": "scatter",
        "mode": "lines",
        "name": _("record"),
        # The last record holds until the last thing that happened.
        "x": [
            *(moment.at.isoformat() for moment in records),
            *([moments[-1].at.isoformat()] if records else []),
        ],
        "y": [*(moment.ratio for moment in records), *([records[-1].ratio] if records else [])],
        "meta": "gold",
        "line": {"shape": "hv", "width": 3},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    ends = (end for moment in moments for end in (moment.low, moment.high))
    return {
        "data": [
            steps,
            _over_time(_("record"), records, "gold", {"size": 12, "symbol": "diamond"}),
            _over_time(_("no record"), others, "ink-3", {"size": 8}),
        ],
        "layout": {
            "height": 340,
            "margin": {"l": 10, "r": 20, "t": 60, "b": 40},
            "xaxis": {"type": "date", "automargin": True},
            "yaxis": ratio_axis(ends),
            "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top"},
            "shapes": [{**BASELINE, "x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1}],
        },
    }


def _over_time(name: str, moments: Sequence[Moment], tone: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [moment.at.isoformat() for moment in moments],
        "y": [moment.ratio for moment in moments],
        "text": [f"{escape(one.user.shown_name, quote=False)} #{one.pull.pk}" for one in moments],
        "meta": tone,  # the stylesheet's token that the page draws it in
        "marker": marker,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [moment.high - moment.ratio for moment in moments],
            "arrayminus": [moment.ratio - moment.low for moment in moments],
            "thickness": 1.5,
            "width": 4,
        },
        "hovertemplate": "%{text}: %{y:.3f}×<extra></extra>",
    }


def ratio_axis(ratios: Iterable[float]) -> dict[str, Any]:
    """The axis of a figure that shows these ratios and the baseline.

    Its range is given: Plotly's own search for one that holds captions within margins that follow the labels
    does not end at some widths, and the page freezes.
    """
    shown = [1.0, *ratios]
    ticks = _ticks(shown)
    return {
        "type": "log",
        "range": _range(shown),
        "title": {"text": _("times the baseline's speed")},
        "automargin": True,
        "tickmode": "array",
        "tickangle": 0,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}×" for tick in ticks],
    }


def _range(ratios: list[float]) -> list[float]:
    """Of a logarithmic axis: the exponents of ten."""
    low, high = math.log10(min(ratios)), math.log10(max(ratios))
    room = max(ROOM * (high - low), LEAST_ROOM)
    return [low - room, high + room]


def _ticks(ratios: list[float]) -> tuple[float, ...]:
    """Round ratios in sight, few enough for a phone."""
    low, high = min(ratios), max(ratios)
    for row in TICKS:
        if row[0] <= low and high <= row[-1] and sum(low <= tick <= high for tick in row) <= MOST_TICKS:
            return row
    return TICKS[-1]
