"""What convolution is tried with."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernels.samples import Case, exactly, normal

INF, NAN = np.inf, np.nan
# n, channels, height, width; filters, filter height and width; stride, padding, dilation; groups
LAYOUTS = (
    ((1, 1, 1, 1), (1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((0, 2, 4, 4), (3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 3, 5, 5), (2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 5, 7, 9), (9, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((1, 4, 6, 50), (8, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 9, 17), (7, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((1, 2, 11, 13), (3, 5, 2), (3, 2), (2, 0), (1, 2), 1),
    ((1, 4, 8, 8), (4, 3, 3), (1, 1), (2, 2), (2, 2), 2),
    ((2, 6, 7, 7), (6, 3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((1, 6, 9, 9), (12, 3, 3), (2, 2), (1, 1), (1, 1), 3),
    ((1, 3, 8, 12), (5, 4, 4), (4, 4), (0, 0), (1, 1), 1),
    ((1, 2, 5, 9), (3, 1, 1), (2, 3), (0, 1), (1, 1), 1),
    ((1, 70, 4, 5), (3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 3, 13, 11), (130, 3, 3), (1, 1), (1, 1), (1, 1), 1),
)


def _attributes(stride: Any, pad: Any, dilation: Any, groups: int) -> dict[str, int]:
    sizes = {"stride": stride, "pad": pad, "dilation": dilation}
    return {
        **{f"{name}_{axis}": pair[i] for name, pair in sizes.items() for i, axis in enumerate("hw")},
        "groups": groups,
    }


def _of_layout(x: Any, filters: Any, stride: Any, pad: Any, dilation: Any, groups: int) -> tuple[Case, ...]:
    n, c, h, w = x
    k, r, s = filters
    oh = (h + 2 * pad[0] - dilation[0] * (r - 1) - 1) // stride[0] + 1
    ow = (w + 2 * pad[1] - dilation[1] * (s - 1) - 1) // stride[1] + 1
    image, weight = normal(*x), normal(k, c // groups, r, s)
    label = f"{n}x{c}x{h}x{w}, {k} of {r}x{s} by {stride[0]}x{stride[1]} in {groups}"
    attributes = _attributes(stride, pad, dilation, groups)
    return (
        Case("conv2d", label, {"x": image, "weight": weight, "bias": normal(k)}, attributes),
        Case("conv2d_grad", label, {"x": image, "weight": weight, "dy": normal(n, k, oh, ow)}, attributes),
    )


PLAIN = _attributes((1, 1), (1, 1), (1, 1), 1)
SPECIALS = np.arange(49.0).reshape(1, 1, 7, 7)
SPECIALS[0, 0, 1, 1], SPECIALS[0, 0, 5, 3] = NAN, INF
BASIC: dict[str, Any] = {"x": normal(1, 2, 6, 6), "weight": normal(3, 2, 3, 3)}
CASES = (
    *(case for layout in LAYOUTS for case in _of_layout(*layout)),
    Case("conv2d", "no bias", BASIC, PLAIN),
    Case("conv2d", "specials", {"x": exactly(SPECIALS), "weight": exactly(np.ones((2, 1, 3, 3)))}, PLAIN),
    *(
        Case("conv2d_grad", f"only {name}", {**BASIC, "dy": normal(1, 3, 6, 6)}, PLAIN, want=want)
        for name, want in (
            ("dx", (True, False, False)),
            ("dweight", (False, True, False)),
            ("dbias", (False, False, True)),
        )
    ),
)
BENCH = (
    Case(
        "conv2d", "1x64x56x56, 64 of 3x3", {"x": normal(1, 64, 56, 56), "weight": normal(64, 64, 3, 3)}, PLAIN
    ),
    Case(
        "conv2d",
        "1x256x28x28, 64 of 1x1",
        {"x": normal(1, 256, 28, 28), "weight": normal(64, 256, 1, 1)},
        _attributes((1, 1), (0, 0), (1, 1), 1),
    ),
    Case(
        "conv2d",
        "1x3x224x224, 64 of 7x7 by 2",
        {"x": normal(1, 3, 224, 224), "weight": normal(64, 3, 7, 7)},
        _attributes((2, 2), (3, 3), (1, 1), 1),
    ),
    Case(
        "conv2d_grad",
        "1x64x56x56, 64 of 3x3",
        {"x": normal(1, 64, 56, 56), "weight": normal(64, 64, 3, 3), "dy": normal(1, 64, 56, 56)},
        PLAIN,
    ),
)
