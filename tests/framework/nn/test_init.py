"""First values: their spread, and that a seed gives them again."""

import math

import numpy as np
import pytest

from framework import nn, ops
from framework.errors import ShapeError
from framework.nn import init

SHAPE = (60, 40, 3)  # fan in 120, fan out 180


@pytest.mark.parametrize(("draw", "deviation", "most"), [
    (init.xavier_uniform, math.sqrt(6 / 300) / math.sqrt(3), math.sqrt(6 / 300)),
    (init.xavier_normal, math.sqrt(2 / 300), math.inf),
    (init.he_uniform, math.sqrt(2 / 120), math.sqrt(6 / 120)),
    (init.he_normal, math.sqrt(2 / 120), math.inf),
    (lambda shape: init.truncated_normal(shape, 0.5), 0.5 * 0.8796, 1.0),
])  # fmt: skip
def test_values_are_spread_as_their_papers_say(draw, deviation, most):
    ops.set_seed(0)
    values = draw(SHAPE).asnumpy()
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert values.std() == pytest.approx(deviation, rel=0.03)
    assert abs(values.mean()) < deviation / 20
    assert np.abs(values).max() <= most


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (6, 2, 2)])
def test_orthogonal_rows_or_columns_are_at_right_angles(shape):
    matrix = init.orthogonal(shape, gain=2.0).asnumpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_a_shape_without_fans_is_refused():
    with pytest.raises(ShapeError, match=r"shape \(3,\) has no fans"):
        init.he_normal((3,))


def test_a_seed_gives_a_network_again():
    def first():
        ops.set_seed(7)
        return nn.SequentialCell(nn.Dense(3, 4), nn.Embedding(5, 2), nn.LSTM(2, 3))

    for a, b in zip(first().state_dict().values(), first().state_dict().values(), strict=True):
        assert a.asnumpy().tobytes() == b.asnumpy().tobytes()


@pytest.mark.parametrize(("make", "bound"), [
    (lambda: nn.Dense(16, 300), 0.25), (lambda: nn.Conv2d(4, 300, 2), 0.25), (lambda: nn.GRU(9, 16), 0.25),
])  # fmt: skip
def test_layers_begin_within_torchs_bounds(make, bound):
    for parameter in make().trainable_params():
        values = parameter.asnumpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.8 * bound
