"""A board as a Plotly figure (JSON): ratio to the baseline with its interval, best on top."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
from django.utils.translation import gettext as _

from hub.boards.queries import Board

ROW_PIXELS = 44
TICKS = (0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5, 8, 12, 20, 50, 100)  # ratios that are labelled


def figure(board: Board) -> dict[str, Any]:
    """Points with error bars on a logarithmic axis, and the baseline as a line at 1.

    Colours are left to the page, which knows whether it is light or dark.
    """
    entries = board.entries[::-1]  # Plotly draws upwards
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
            "title": {"text": _("times as fast as the baseline")},
            "automargin": True,
            "tickmode": "array",
            "tickvals": TICKS,
            "ticktext": [f"{tick:g}×" for tick in TICKS],
        },
        yaxis={"automargin": True},
    )
    return json.loads(plot.to_json())  # type: ignore[no-any-return]
