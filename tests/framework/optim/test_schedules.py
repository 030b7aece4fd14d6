"""Learning rates by step, as numbers and inside an optimiser."""

import math

import numpy as np
import pytest

from framework import Parameter, Tensor
from framework.errors import ArgumentError
from framework.optim import (
    SGD,
    CosineDecayLR,
    ExponentialDecayLR,
    PiecewiseConstantLR,
    PolynomialDecayLR,
    WarmUpLR,
)


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_exponential_decay_multiplies_by_the_rate_every_so_many_steps():
    np.testing.assert_allclose(
        rates(ExponentialDecayLR(0.1, 0.5, 4), (0, 2, 4, 8)), [0.1, 0.1 * 0.5**0.5, 0.05, 0.025]
    )
    np.testing.assert_allclose(
        rates(ExponentialDecayLR(0.1, 0.5, 4, True), (0, 3, 4, 7, 8)), [0.1, 0.1, 0.05, 0.05, 0.025]
    )


def test_cosine_decay_goes_down_half_a_period_and_stays():
    found = rates(CosineDecayLR(0.1, 1.0, 10), range(13))
    expected = [0.1 + 0.45 * (1 + math.cos(math.pi * min(step, 10) / 10)) for step in range(13)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_polynomial_decay_ends_where_it_should():
    np.testing.assert_allclose(
        rates(PolynomialDecayLR(1.0, 0.2, 4), (0, 1, 2, 4, 9)), [1.0, 0.8, 0.6, 0.2, 0.2], rtol=1e-6
    )
    np.testing.assert_allclose(rates(PolynomialDecayLR(1.0, 0.0, 4, 2.0), (1, 4)), [0.5625, 0.0], atol=1e-7)


def test_piecewise_rates_change_at_their_milestones():
    assert rates(PiecewiseConstantLR([2, 4], [1.0, 0.5, 0.25]), range(6)) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


def test_a_warm_up_rises_to_a_rate_or_into_a_schedule():
    np.testing.assert_allclose(rates(WarmUpLR(0.8, 4), (0, 1, 4, 9)), [0, 0.2, 0.8, 0.8])
    cosine = CosineDecayLR(0.0, 1.0, 10)
    found = rates(WarmUpLR(cosine, 5), (0, 2, 5, 10, 15))
    np.testing.assert_allclose(found, [0, 0.4, *rates(cosine, (0, 5, 10))], atol=1e-7)


def test_an_optimiser_takes_its_rate_from_the_step_it_is_at():
    p = Parameter(np.zeros(1))
    optimizer = SGD([p], lr=PiecewiseConstantLR([1], [1.0, 10.0]))
    seen = []
    for _ in range(3):
        seen.append(optimizer.learning_rates()[0])
        optimizer([Tensor(-np.ones(1))])
    assert seen == [1.0, 10.0, 10.0]
    assert p.tolist() == [21.0]


@pytest.mark.parametrize(("make", "words"), [
    (lambda: CosineDecayLR(0, 1, 0), "CosineDecayLR: 0 steps"),
    (lambda: WarmUpLR(1.0, 0), "WarmUpLR: 0 steps"),
    (lambda: ExponentialDecayLR(1, 0, 5), "decay_rate is 0"),
    (lambda: PiecewiseConstantLR([4, 2], [1, 2, 3]), "rising milestones"),
    (lambda: PiecewiseConstantLR([4], [1]), "one rate more"),
])  # fmt: skip
def test_what_makes_no_schedule_is_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()
