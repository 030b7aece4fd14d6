"""Mixed precision: what computes in 16 bits, and how a loss scale adapts."""

import numpy as np
import pytest

from framework import Parameter, Tensor, amp, nn, ops, value_and_grad
from framework.errors import ArgumentError
from framework.optim import Adam


def network():
    return nn.SequentialCell(nn.Dense(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Dense(8, 3))


def test_matrix_products_are_in_sixteen_bits_and_norms_are_not():
    net = amp.auto_mixed_precision(network(), "bfloat16")
    assert [cell.compute_dtype and cell.compute_dtype.name for cell in net] == [
        "bfloat16",
        None,
        None,
        "bfloat16",
    ]
    x = Tensor(np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32))
    loss = value_and_grad(
        lambda x: nn.CrossEntropyLoss()(net(x), Tensor([0, 1, 2, 0, 1])), None, net.trainable_params()
    )
    value, gradients = loss(x)
    assert value.dtype == np.float32
    assert {g.dtype.name for g in gradients} == {"float32"}


def test_only_sixteen_bit_floats_are_taken():
    with pytest.raises(ArgumentError, match="'float32'; float16 or bfloat16"):
        amp.auto_mixed_precision(network(), "float32")


@pytest.mark.parametrize(
    ("values", "finite"), [([1.0, 2.0], True), ([1.0, np.inf], False), ([np.nan, 1.0], False)]
)
def test_one_element_decides(values, finite):
    assert bool(amp.all_finite([Tensor([1.0]), {"a": Tensor(values)}])) is finite


def test_the_scale_halves_at_an_overflow_and_doubles_after_a_window_without():
    scaler = amp.DynamicLossScaler(8.0, scale_window=2)
    scales = []
    for finite in (True, True, False, True, False, False, False, False, False):
        scaler.adjust(Tensor(finite))
        scales.append(float(scaler.scale_value))
    assert scales == [8, 16, 8, 8, 4, 2, 1, 1, 1]


def test_scaling_a_loss_scales_its_gradient_and_unscaling_takes_it_back():
    scaler = amp.DynamicLossScaler(1024.0)
    w = Parameter(np.array([1e-3], np.float16), "w")
    tiny = Tensor(np.array([1e-8], np.float32))

    def loss():
        return ops.sum(w.held.astype("float32") * tiny)

    _, (lost,) = value_and_grad(loss, None, [w])()
    _, (kept,) = value_and_grad(lambda: scaler.scale(loss()), None, [w])()
    assert float(lost) == 0
    assert float(scaler.unscale([kept.astype("float32")])[0]) == pytest.approx(1e-8, rel=0.01)


def test_a_step_with_an_infinite_gradient_changes_nothing():
    p = Parameter(np.ones(2), "w")
    optimizer = Adam([p], lr=0.1)
    assert bool(amp.step_if_finite(optimizer, [Tensor([1.0, 2.0])]))
    before = {name: value.asnumpy().tobytes() for name, value in optimizer.state_dict().items()}, p.tolist()
    with np.errstate(invalid="ignore"):
        assert not bool(amp.step_if_finite(optimizer, [Tensor([np.inf, 2.0])]))
    assert before == (
        {name: value.asnumpy().tobytes() for name, value in optimizer.state_dict().items()},
        p.tolist(),
    )


@pytest.mark.parametrize("arguments", [(0.0,), (1.0, 1.0), (1.0, 2.0, 0)])
def test_settings_that_cannot_adapt_are_refused(arguments):
    with pytest.raises(ArgumentError, match="above 0, above 1, and at least 1"):
        amp.DynamicLossScaler(*arguments)
