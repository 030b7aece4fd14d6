"""Every loss against torch, values and gradients; the most used ones against their formulas."""

import numpy as np
import pytest

from framework import Tensor, grad, nn, ops, value_and_grad
from framework.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def chances(*shape):
    return RNG.uniform(0.05, 0.95, shape).astype(np.float32)


CLASSES = RNG.integers(0, 5, (6,))
HOLED = np.where(np.arange(6) % 3 == 0, -100, CLASSES)
WEIGHTS = chances(5)
LOGS = np.log(chances(4, 3))
SIGNS = np.array([1, -1, 1, -1])
CASES = [
    ("MSELoss", {}, draw(4, 3), draw(4, 3)),
    ("L1Loss", {}, draw(4, 3), draw(4, 3)),
    ("HuberLoss", {"delta": 0.7}, draw(4, 3), draw(4, 3)),
    ("SmoothL1Loss", {"beta": 0.7}, draw(4, 3), draw(4, 3)),
    ("BCELoss", {}, chances(4, 3), chances(4, 3)),
    ("BCEWithLogitsLoss", {}, draw(4, 3) * 20, chances(4, 3)),
    ("BCEWithLogitsLoss", {"pos_weight": chances(3)}, draw(4, 3), chances(4, 3)),
    ("KLDivLoss", {}, LOGS, chances(4, 3)),
    ("KLDivLoss", {"log_target": True}, LOGS, LOGS[::-1].copy()),
    ("NLLLoss", {"weight": WEIGHTS}, draw(6, 5), HOLED),
    ("CrossEntropyLoss", {}, draw(6, 5) * 30, CLASSES),
    ("CrossEntropyLoss", {"ignore_index": 2, "weight": WEIGHTS}, draw(6, 5), CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.2}, draw(6, 5), HOLED),
    ("CrossEntropyLoss", {"label_smoothing": 0.2, "weight": WEIGHTS}, draw(6, 5), HOLED),
    ("CrossEntropyLoss", {}, draw(2, 5, 3), RNG.integers(0, 5, (2, 3))),
    ("CrossEntropyLoss", {}, draw(5), np.array(3)),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options", "x", "y"), CASES)
@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")  # of torch about its own KLDivLoss
def test_a_loss_and_its_gradient_are_torchs(name, options, x, y, reduction):
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(**options, reduction=reduction)
    theirs = getattr(torch.nn, name)(
        **{k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()},
        reduction=reduction,
    )
    t = torch.tensor(x, requires_grad=True)
    expected = theirs(t, torch.tensor(y))
    expected.sum().backward()
    np.testing.assert_allclose(ours(Tensor(x), Tensor(y)).asnumpy(), expected.detach(), rtol=1e-5, atol=1e-6)
    slope = grad(lambda x: ops.sum(ours(x, Tensor(y))))(Tensor(x))
    np.testing.assert_allclose(slope.asnumpy(), t.grad, rtol=1e-4, atol=1e-6)


def test_batchmean_and_cosine_are_torchs():
    torch = pytest.importorskip("torch")
    y, a, b = chances(4, 3), draw(4, 3), draw(4, 3)
    expected = torch.nn.KLDivLoss(reduction="batchmean")(torch.tensor(LOGS), torch.tensor(y))
    assert float(nn.KLDivLoss("batchmean")(LOGS, y)) == pytest.approx(expected.item(), rel=1e-5)
    expected = torch.nn.CosineEmbeddingLoss(0.1)(*map(torch.tensor, (a, b, SIGNS)))
    assert float(nn.CosineEmbeddingLoss(0.1)(a, b, SIGNS)) == pytest.approx(expected.item(), rel=1e-5)


def test_cross_entropy_is_minus_the_logarithm_of_the_softmax():
    x = draw(6, 5)
    chance = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    expected = -np.log(chance[np.arange(6), CLASSES]).mean()
    assert float(nn.CrossEntropyLoss()(x, CLASSES)) == pytest.approx(expected, rel=1e-5)


def test_huge_logits_give_finite_losses():
    x = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    assert float(nn.CrossEntropyLoss()(x, np.array([0, 1]))) == 0
    assert float(nn.CrossEntropyLoss()(x, np.array([1, 0]))) == 2e4
    assert float(nn.BCEWithLogitsLoss()(x, (x > 0).astype(np.float32))) == 0


def test_a_target_of_zero_probability_costs_nothing():
    x, y = np.log(np.array([0.5, 0.5], np.float32)), np.array([1.0, 0.0], np.float32)
    slope = grad(lambda y: nn.KLDivLoss("sum")(x, y))(Tensor(y))
    assert float(nn.KLDivLoss("sum")(x, y)) == pytest.approx(np.log(2), rel=1e-6)
    assert np.isfinite(slope.asnumpy()).all()


def test_what_does_not_fit_is_named():
    with pytest.raises(ArgumentError, match="reduction is 'avg'; one of mean, sum, none"):
        nn.MSELoss("avg")
    with pytest.raises(ShapeError, match=r"MSELoss: outputs have shape \(2,\), targets \(3,\)"):
        nn.MSELoss()(draw(2), draw(3))
    with pytest.raises(ShapeError, match=r"\(6, 5\) \(N, classes, …\) and targets \(5,\)"):
        nn.CrossEntropyLoss()(draw(6, 5), np.zeros(5, int))
    with pytest.raises(ArgumentError, match="label_smoothing is 2"):
        nn.CrossEntropyLoss(label_smoothing=2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (nn.CrossEntropyLoss(), np.zeros(300, np.int64)),
        (nn.NLLLoss(), np.zeros(300, np.int64)),
        (nn.BCEWithLogitsLoss(), np.ones((300, 2), np.float32)),
        (nn.MSELoss(), np.full((300, 2), 8.0, np.float32)),
    ],
)  # fmt: skip
def test_a_loss_of_sixteen_bit_outputs_is_that_of_the_same_numbers_in_float32(loss, target, dtype):
    narrow = Tensor(np.tile([8.0, 0.5], (300, 1)), dtype)
    wide = narrow.astype("float32")
    value, gradient = value_and_grad(lambda x: loss(x, Tensor(target)))(narrow)
    expected, exact = value_and_grad(lambda x: loss(x, Tensor(target)))(wide)
    assert value.dtype == np.float32
    assert value.item() == expected.item() != 0
    np.testing.assert_array_equal(gradient.asnumpy(), exact.astype(dtype).asnumpy())
