"""What sampling is tried with."""

from __future__ import annotations

import numpy as np

from kernels.samples import Case, Sample, exactly, normal, uniform

INF, NAN = np.inf, np.nan


def _case(
    label: str, logits: Sample, u: Sample, p: float = 0.9, temperature: float = 1.0, top_k: int = 0
) -> Case:
    attributes = {"p": p, "temperature": temperature, "top_k": top_k}
    return Case("sample_top_p", label, {"logits": logits, "u": u}, attributes)


SEVERAL, EACH = normal(40, 57, scale=2), uniform(0, 1, 40)
TIES = [[1.0] * 8] * 8
ODD = [
    [0, NAN, 1, 2],
    [-INF] * 4,
    [-INF, 3, -INF, 3],
    [INF, 0, INF, INF],
    [1e-40, -1e-40, 0, -0.0],
    [30000, -30000, 0, 29000],
]
CASES = (
    _case("no rows", normal(0, 5), uniform(0, 1, 0)),
    _case("no logits", normal(3, 0), uniform(0, 1, 3)),
    _case("one logit", normal(3, 1), uniform(0, 1, 3)),
    _case("one row", normal(9), uniform(0, 1)),
    _case("p 0.9", SEVERAL, EACH),
    _case("p 0.3", SEVERAL, EACH, p=0.3),
    _case("p 0", SEVERAL, EACH, p=0),
    _case("p 1", SEVERAL, EACH, p=1),
    _case("cold", SEVERAL, EACH, temperature=0.2),
    _case("hot", SEVERAL, EACH, temperature=30),
    _case("temperature 0", SEVERAL, EACH, temperature=0),
    _case("top 5", SEVERAL, EACH, top_k=5),
    _case("top 1", SEVERAL, EACH, top_k=1),
    _case("top 1000", SEVERAL, EACH, top_k=1000),
    _case("ties", exactly(TIES), exactly(np.arange(8) / 8), p=0.5),
    _case("ties, top 6", exactly(TIES), exactly(np.arange(8) / 8), p=1, top_k=6),
    _case("far apart", normal(30, 100, scale=5000), uniform(0, 1, 30), p=1, top_k=7),
    _case("many", normal(4, 5003, scale=3), uniform(0, 1, 4)),
    _case("three axes", normal(2, 3, 40), uniform(0, 1, 2, 3)),
    _case("odd values", exactly(ODD), exactly([0.5, 0.5, 0.75, 0.99, 0.99, 0.5]), p=1),
)
BENCH = (
    _case("512x50257", normal(512, 50257, scale=2), uniform(0, 1, 512)),
    _case("512x50257 top 50", normal(512, 50257, scale=2), uniform(0, 1, 512), top_k=50),
)
