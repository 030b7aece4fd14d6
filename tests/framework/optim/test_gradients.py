"""Clipping, accumulation and averages around a step."""

import numpy as np
import pytest

from framework import Parameter, Tensor, nn
from framework.errors import ArgumentError
from framework.optim import (
    SGD,
    Adam,
    ExponentialMovingAverage,
    GradientAccumulation,
    clip_by_global_norm,
    clip_by_value,
    global_norm,
)

RNG = np.random.default_rng(0)


def draw(*shape):
    return Tensor(RNG.normal(size=shape).astype(np.float32))


def test_gradients_longer_than_the_limit_are_scaled_as_torch_does():
    torch = pytest.importorskip("torch")
    gradients = [draw(3, 4), draw(5)]
    values = [torch.zeros(g.shape, requires_grad=True) for g in gradients]
    for value, g in zip(values, gradients, strict=True):
        value.grad = torch.tensor(np.array(g))
    norm = torch.nn.utils.clip_grad_norm_(values, 0.7)
    assert float(global_norm(gradients)) == pytest.approx(norm.item(), rel=1e-6)
    for ours, theirs in zip(clip_by_global_norm(gradients, 0.7), values, strict=True):
        np.testing.assert_allclose(ours.asnumpy(), theirs.grad, rtol=1e-6)


def test_shorter_gradients_are_left_alone_in_their_container():
    gradients = {"a": draw(3), "b": (draw(2),)}
    clipped = clip_by_global_norm(gradients, 100.0)
    np.testing.assert_array_equal(clipped["a"].asnumpy(), gradients["a"].asnumpy())
    np.testing.assert_array_equal(clipped["b"][0].asnumpy(), gradients["b"][0].asnumpy())


def test_a_norm_of_half_floats_does_not_overflow():
    big = Tensor(np.full(100, 300.0, np.float16))  # the sum of squares is beyond float16
    assert float(global_norm([big])) == 3000
    assert clip_by_global_norm([big], 1.0)[0].dtype == np.float16


def test_elements_are_limited_one_by_one():
    assert clip_by_value([Tensor([-3.0, 0.5, 2.0])], 1.0)[0].tolist() == [-1.0, 0.5, 1.0]


def test_accumulated_steps_are_those_of_the_mean_gradient():
    gradients = [draw(4) for _ in range(6)]
    first, second = (Parameter(np.ones(4, np.float32), "w") for _ in range(2))
    plain, accumulating = Adam([first], lr=0.1), GradientAccumulation(Adam([second], lr=0.1), 3)
    seen = []
    for g in gradients:
        accumulating([g])
        seen.append(second.asnumpy().copy())
    for i in (0, 3):
        plain([(gradients[i] + gradients[i + 1] + gradients[i + 2]) / 3])
    np.testing.assert_array_equal(seen[1], np.ones(4))
    np.testing.assert_array_equal(seen[2], seen[4])
    np.testing.assert_allclose(seen[5], first.asnumpy(), rtol=1e-6)
    assert int(accumulating.optimizer.step) == 2
    assert {"count", "sum_0", "optimizer.exp_avg.w"} <= set(accumulating.state_dict())


def test_the_average_follows_and_takes_the_parameters_place_for_a_while():
    p = Parameter(np.zeros(2), "w")
    average = ExponentialMovingAverage([p], decay=0.9)
    for value in (1.0, 2.0):
        p.assign(np.full(2, value))
        average.update()
    with average.averaged():
        np.testing.assert_allclose(p.asnumpy(), 0.9 * 0.1 + 0.2)
    np.testing.assert_array_equal(p.asnumpy(), 2.0)
    assert list(average.state_dict()) == ["average.w"]


def test_the_parameters_come_back_when_the_evaluation_fails():
    net = nn.Dense(2, 2)
    before = net.weight.asnumpy().copy()
    average = ExponentialMovingAverage(net.trainable_params())
    net.weight.assign(before + 1)

    def evaluate():
        with average.averaged():
            np.testing.assert_array_equal(net.weight.asnumpy(), before)
            raise ZeroDivisionError("no rows")

    with pytest.raises(ZeroDivisionError, match="no rows"):
        evaluate()
    np.testing.assert_array_equal(net.weight.asnumpy(), before + 1)


@pytest.mark.parametrize(("make", "words"), [
    (lambda p: clip_by_global_norm([draw(2)], 0), "max_norm is 0"),
    (lambda p: clip_by_value([draw(2)], -1), "limit is -1"),
    (lambda p: GradientAccumulation(SGD([p]), 0), "steps is 0"),
    (lambda p: ExponentialMovingAverage([p], 1.0), "decay is 1.0"),
])  # fmt: skip
def test_what_is_out_of_range_is_named(make, words):
    with pytest.raises(ArgumentError, match=words):
        make(Parameter(np.ones(2)))
