"""A board as a Plotly figure (JSON): ratio to the baseline with its interval, best on top."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
from django.utils.translation import gettext as _

from hub.boards.queries import Board

ROW_PIXELS = 44
# Ratios that may be labelled, finest first; the first row with no more than MOST_TICKS in sight is taken.
TICKS = (
    (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.35, 1.4),
    (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2),
    (0.1, 0.2, 0.33, 0.5, 1, 2, 3, 4, 6, 8),
    (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100),
    (0.01, 0.1, 1, 10, 100, 1000),
)
MOST_TICKS = 5


def figure(board: Board) -> dict[str, Any]:
    """Points with error bars on a logarithmic axis, and the baseline as a line at 1.

    Colours are left to the page, which knows whether it is light or dark.
    """
    entries = board.entries[::-1]  # Plotly draws upwards
    ticks = _ticks(board)
    names = [f"{entry.user.shown_name} #{entry.pull.pk}" for entry in entries]
    plot = go.Figure(
        go.Scatter(
            x=[entry.ratio for entry in entries],
            y=names,
            mode="markers",
            marker={"size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [entry.high - entry.ratio for entry in entries],
                "arrayminus": [entry.ratio - entry.low for entry in entries],
                "thickness": 2,
                "width": 6,
            },
            hovertemplate="%{y}: %{x:.3f}×<extra></extra>",
        )
    )
    plot.add_vline(x=1, line_dash="dot")
    # On a logarithmic axis an annotation stands at the logarithm: 0 is the ratio 1.
    plot.add_annotation(x=0, y=1, yref="paper", yanchor="bottom", text=_("baseline"), showarrow=False)
    plot.update_layout(
        template=None,
        showlegend=False,
        height=110 + ROW_PIXELS * max(1, len(entries)),
        margin={"l": 10, "r": 20, "t": 30, "b": 50},
        xaxis={
            "type": "log",
            "title": {"text": _("times the baseline's speed")},
            "automargin": True,
            "tickmode": "array",
            "tickangle": 0,
            "tickvals": ticks,
            "ticktext": [f"{tick:g}×" for tick in ticks],
        },
        yaxis={"automargin": True},
    )
    return json.loads(plot.to_json())  # type: ignore[no-any-return]


def _ticks(board: Board) -> tuple[float, ...]:
    """Round ratios in sight of the entries and the baseline, few enough for a phone."""
    low = min([1.0, *(entry.low for entry in board.entries)])
    high = max([1.0, *(entry.high for entry in board.entries)])
    for row in TICKS:
        if row[0] <= low and high <= row[-1] and sum(low <= tick <= high for tick in row) <= MOST_TICKS:
            return row
    return TICKS[-1]
