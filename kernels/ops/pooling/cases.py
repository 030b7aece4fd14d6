"""What pooling is tried with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernels.samples import Case, exactly, integers, normal

INF, NAN = np.inf, np.nan
# planes, height, width, kernel, stride, padding
LAYOUTS = (
    (0, 4, 4, (2, 2), (2, 2), (0, 0)),
    (1, 1, 1, (1, 1), (1, 1), (0, 0)),
    (3, 4, 4, (2, 2), (2, 2), (0, 0)),
    (2, 7, 9, (3, 3), (2, 2), (1, 1)),
    (1, 5, 67, (3, 2), (1, 1), (1, 0)),
    (2, 6, 35, (2, 3), (2, 1), (0, 2)),
    (1, 8, 33, (3, 3), (3, 3), (0, 1)),
    (2, 9, 50, (1, 5), (4, 4), (0, 2)),
    (1, 3, 130, (3, 3), (1, 2), (2, 2)),
    (2, 13, 17, (13, 17), (1, 1), (0, 0)),
)


def _window(kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int]) -> dict[str, int]:
    sizes = {"kernel": kernel, "stride": stride, "pad": pad}
    return {f"{name}_{axis}": pair[i] for name, pair in sizes.items() for i, axis in enumerate("hw")}


def _size(h: int, w: int, window: Mapping[str, int]) -> tuple[int, int]:
    oh = (h + 2 * window["pad_h"] - window["kernel_h"]) // window["stride_h"] + 1
    return oh, (w + 2 * window["pad_w"] - window["kernel_w"]) // window["stride_w"] + 1


def _of_layout(planes: int, h: int, w: int, window: Mapping[str, int]) -> tuple[Case, ...]:
    oh, ow = _size(h, w, window)
    label = f"{planes}x{h}x{w}, " + " ".join(map(str, window.values()))
    x, dy = {"x": normal(planes, h, w)}, normal(planes, oh, ow)
    places = {"dy": dy, "indices": integers(0, h * w, planes, oh, ow)}
    return (
        Case("max_pool2d", label, x, window),
        Case("max_pool2d_indices", label, x, window),
        Case("max_pool2d_grad", label, places, {"h": h, "w": w}),
        *(
            case
            for padded in (False, True)
            for case in (
                Case("avg_pool2d", f"{label} {padded}", x, {**window, "count_padding": padded}),
                Case(
                    "avg_pool2d_grad",
                    f"{label} {padded}",
                    {"dy": dy},
                    {"h": h, "w": w, **window, "count_padding": padded},
                ),
            )
        ),
    )


TWO = _window((2, 2), (2, 2), (0, 0))
THREE = _window((3, 3), (2, 2), (1, 1))
SPECIALS = [[1, NAN, 2, 3], [NAN, 4, 3, 3], [-INF, -INF, 0.0, -0.0], [-INF, -INF, INF, 1]]
CASES = (
    *(case for planes, h, w, *window in LAYOUTS for case in _of_layout(planes, h, w, _window(*window))),
    *(
        Case(name, "specials", {"x": exactly([SPECIALS])}, TWO)
        for name in ("max_pool2d", "max_pool2d_indices")
    ),
    Case("max_pool2d_indices", "ties", {"x": integers(0, 3, 2, 9, 9)}, THREE),
    Case("max_pool2d", "no leading axes", {"x": normal(9, 9)}, THREE),
    Case("avg_pool2d", "specials", {"x": exactly([SPECIALS])}, {**TWO, "count_padding": True}),
    Case("avg_pool2d", "four axes", {"x": normal(2, 2, 6, 6)}, {**TWO, "count_padding": True}),
)
BENCH = (
    Case("max_pool2d", "64x112x112, 3x3 by 2", {"x": normal(64, 112, 112)}, THREE),
    Case("max_pool2d", "256x56x56, 2x2 by 2", {"x": normal(256, 56, 56)}, TWO),
    Case("max_pool2d_indices", "64x112x112, 3x3 by 2", {"x": normal(64, 112, 112)}, THREE),
    Case(
        "max_pool2d_grad",
        "64x112x112, 3x3 by 2",
        {"dy": normal(64, 56, 56), "indices": integers(0, 112 * 112, 64, 56, 56)},
        {"h": 112, "w": 112},
    ),
    Case("avg_pool2d", "64x112x112, 3x3 by 2", {"x": normal(64, 112, 112)}, {**THREE, "count_padding": True}),
    Case(
        "avg_pool2d",
        "2048x7x7, all",
        {"x": normal(2048, 7, 7)},
        {**_window((7, 7), (7, 7), (0, 0)), "count_padding": True},
    ),
    Case(
        "avg_pool2d_grad",
        "64x112x112, 3x3 by 2",
        {"dy": normal(64, 56, 56)},
        {"h": 112, "w": 112, **THREE, "count_padding": True},
    ),
)
