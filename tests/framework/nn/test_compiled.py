"""Layers under `jit`: what is computed and every gradient are those of eager mode."""

import numpy as np
import pytest

from framework import Tensor, jit, nn, ops, vjp
from tests.framework.nn.test_layers import CASES

RNG = np.random.default_rng(0)
RECURRENT = {
    name: (lambda name=name: getattr(nn, name)(3, 5), None, (4, 2, 3)) for name in ("RNN", "LSTM", "GRU")
}
ATTENTION = {"MultiHeadAttention": (lambda: nn.MultiHeadAttention(8, 2), None, (2, 5, 8))}
LAYERS = CASES | RECURRENT | ATTENTION


def gradients(cell):
    params = cell.trainable_params()

    def both(x, seed):
        def forward(x):
            out = cell(x)
            return out[0] if isinstance(out, tuple) else out

        out, pull = vjp(forward, x, weights=params)
        return out, pull(seed(out))

    return both


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_a_compiled_layer_is_an_eager_one(name):
    make, _, shape = LAYERS[name]
    cell, x = make(), Tensor(RNG.normal(size=shape).astype(np.float32))
    both = gradients(cell)
    eager = both(x, ops.cos)
    state = [value.asnumpy().copy() for value in cell.state_dict().values()]
    found = jit(lambda x: both(x, ops.cos), fullgraph=True)(x)
    flat = [[out, pulled[0], *pulled[1]] for out, pulled in (eager, found)]
    for a, b in zip(*flat, strict=True):
        np.testing.assert_allclose(b.asnumpy(), a.asnumpy(), rtol=2e-5, atol=2e-6)
    if "BatchNorm" not in name:  # whose running moments have moved once more
        for before, now in zip(state, cell.state_dict().values(), strict=True):
            np.testing.assert_array_equal(before, now.asnumpy())


def test_a_compiled_cell_draws_new_dropout_and_moves_its_running_moments():
    net = nn.SequentialCell(nn.BatchNorm1d(3), nn.Dropout(0.5))
    compiled, x = jit(net), Tensor(RNG.normal(size=(20, 3)).astype(np.float32))
    first, second = compiled(x).asnumpy(), compiled(x).asnumpy()
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(net[0].running_mean.asnumpy(), x.asnumpy().mean(0) * (1 - 0.9**2), rtol=1e-5)
    net.eval()
    np.testing.assert_array_equal(compiled(x).asnumpy(), compiled(x).asnumpy())
    net[1].p = 0.0
    assert (compiled.traces, net.train().training) == (2, True)
    compiled(x)
    assert compiled.traces == 3  # an attribute has changed; going back to training alone would not trace
