"""A board as a Plotly figure (JSON): ratio to the baseline with its interval, best on top."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
from django.utils.translation import gettext as _

from hub.boards.queries import Board

ROW_PIXELS = 44


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
    plot.add_vline(x=1, line_dash="dot", annotation_text=_("baseline"), annotation_position="top")
    plot.update_layout(
        template=None,
        showlegend=False,
        height=110 + ROW_PIXELS * max(1, len(entries)),
        margin={"l": 10, "r": 20, "t": 30, "b": 50},
        xaxis={"type": "log", "title": {"text": _("times as fast as the baseline")}, "automargin": True},
        yaxis={"automargin": True},
    )
    return json.loads(plot.to_json())  # type: ignore[no-any-return]
