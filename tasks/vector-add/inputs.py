"""Fresh inputs of vector-add: uniform numbers, with magnitudes from 0.001 to 1000 mixed within one vector."""

import numpy as np

BLOCK = 64  # neighbours share a magnitude; generating is then as cheap as uniform numbers


def make(dims: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"a": _vector(dims["n"], rng), "b": _vector(dims["n"], rng)}


def _vector(n: int, rng: np.random.Generator) -> np.ndarray:
    values = rng.random((-(-n // BLOCK), BLOCK), dtype=np.float32)
    values -= 0.5
    values *= 10.0 ** rng.integers(-3, 4, (len(values), 1)).astype(np.float32)
    return values.reshape(-1)[:n]
