"""Layers and losses against their formulas in NumPy, and their gradients against differences, in float64."""

import math

import numpy as np
import pytest

from framework import Tensor, nn, ops, value_and_grad
from tests.framework.nn.test_layers import CASES

RNG = np.random.default_rng(0)
ERF = np.vectorize(math.erf)


def draw(*shape):
    return RNG.normal(size=shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def standard(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def channels(p, x):
    return p.reshape(1, -1, *[1] * (x.ndim - 2))


def group_norm(x, w):
    y = standard(x.reshape(len(x), 2, -1), -1).reshape(x.shape)
    return y * channels(w["weight"], x) + channels(w["bias"], x)


def batch_norm(x, w):
    axes = (0, *range(2, x.ndim))
    return standard(x, axes) * channels(w["weight"], x) + channels(w["bias"], x)


def recurrent(step):
    def run(x, w):
        h = c = np.zeros((x.shape[1], 5))
        outputs = []
        for row in x:
            a = row @ w["weight_ih_l0"].T + w["bias_ih_l0"]
            b = h @ w["weight_hh_l0"].T + w["bias_hh_l0"]
            h, c = step(a, b, h, c)
            outputs.append(h)
        return np.stack(outputs)

    return run


def lstm(a, b, h, c):
    i, f, g, o = np.split(a + b, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(a, b, h, c):
    (a_r, a_z, a_n), (b_r, b_z, b_n) = np.split(a, 3, -1), np.split(b, 3, -1)
    z = sigmoid(a_z + b_z)
    return (1 - z) * np.tanh(a_n + sigmoid(a_r + b_r) * b_n) + z * h, c


def attention(x, w):
    heads = [np.moveaxis(part.reshape(2, 5, 2, 4), 1, 2) for part in
             np.split(x @ w["in_proj_weight"].T + w["in_proj_bias"], 3, -1)]  # fmt: skip
    q, k, v = heads
    seen = softmax(q @ np.swapaxes(k, -1, -2) / 2) @ v
    return np.moveaxis(seen, 1, 2).reshape(x.shape) @ w["out_proj.weight"].T + w["out_proj.bias"]


FORMULAS = {
    "Dense": lambda x, w: x @ w["weight"].T + w["bias"],
    "LayerNorm": lambda x, w: standard(x, (-2, -1)) * w["weight"] + w["bias"],
    "RMSNorm": lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w["weight"],
    "GroupNorm": group_norm,
    "BatchNorm1d": batch_norm,
    "BatchNorm1d of sequences": batch_norm,
    "BatchNorm2d": batch_norm,
    "PReLU": lambda x, w: np.where(x > 0, x, channels(w["weight"], x) * x),
    "GELU": lambda x, w: x * 0.5 * (1 + ERF(x / math.sqrt(2))),
    "GELU by tanh": lambda x, w: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "ELU": lambda x, w: np.where(x > 0, x, 0.7 * np.expm1(x)),
    "LeakyReLU": lambda x, w: np.where(x > 0, x, 0.2 * x),
    "Softmax": lambda x, w: softmax(x, 0),
    "LogSoftmax": lambda x, w: np.log(softmax(x)),
    "ReLU": lambda x, w: np.maximum(x, 0),
    "ReLU6": lambda x, w: np.clip(x, 0, 6),
    "HSwish": lambda x, w: x * np.clip(x + 3, 0, 6) / 6,
    "HSigmoid": lambda x, w: np.clip(x + 3, 0, 6) / 6,
    "Sigmoid": lambda x, w: sigmoid(x),
    "Tanh": lambda x, w: np.tanh(x),
    "SiLU": lambda x, w: x * sigmoid(x),
    "Mish": lambda x, w: x * np.tanh(np.log1p(np.exp(x))),
    "Softplus": lambda x, w: np.log1p(np.exp(x)),
    "Flatten": lambda x, w: x.reshape(2, 12, 5),
}
OTHERS = {
    "RNN": (lambda: nn.RNN(3, 5), None, (4, 2, 3)),
    "LSTM": (lambda: nn.LSTM(3, 5), None, (4, 2, 3)),
    "GRU": (lambda: nn.GRU(3, 5), None, (4, 2, 3)),
    "MultiHeadAttention": (lambda: nn.MultiHeadAttention(8, 2), None, (2, 5, 8)),
}
FORMULAS |= {
    "RNN": recurrent(lambda a, b, h, c: (np.tanh(a + b), c)), "LSTM": recurrent(lstm), "GRU": recurrent(gru),
    "MultiHeadAttention": attention,
}  # fmt: skip
LAYERS = CASES | OTHERS


def first(output):
    return output[0] if isinstance(output, tuple) else output


def made(name):
    """A layer in float64 whose parameters are all drawn."""
    cell = LAYERS[name][0]().to("float64")
    for parameter in cell.trainable_params():
        parameter.assign(0.5 + 0.3 * draw(*parameter.shape))
    return cell, draw(*LAYERS[name][2])


@pytest.mark.parametrize("name", FORMULAS)
def test_a_layer_is_its_formula(name):
    cell, x = made(name)
    weights = {key: value.asnumpy() for key, value in cell.state_dict().items()}
    np.testing.assert_allclose(
        first(cell(Tensor(x))).asnumpy(), FORMULAS[name](x, weights), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_a_layer_are_those_of_differences(name):
    cell, x = made(name)
    params = cell.trainable_params()
    start, seed = [p.asnumpy().copy() for p in params], draw(*first(cell(Tensor(x))).shape)

    def loss(x):
        return ops.sum(first(cell(x)) * seed)

    _, (dx, dw) = value_and_grad(loss, 0, params)(Tensor(x))
    u, us = draw(*x.shape), [draw(*p.shape) for p in params]
    exact = float(ops.sum(dx * u)) + sum(float(ops.sum(g * v)) for g, v in zip(dw, us, strict=True))

    def at(h):
        for p, value, v in zip(params, start, us, strict=True):
            p.assign(value + h * v)
        return float(loss(Tensor(x + h * u)))

    h = 1e-6
    assert exact == pytest.approx((at(h) - at(-h)) / (2 * h), rel=1e-5, abs=1e-7)


def test_batch_norm_in_evaluation_uses_the_running_moments():
    cell, x = nn.BatchNorm2d(3, momentum=0.3).to("float64"), draw(4, 3, 2, 2) * 2 + 1
    cell(Tensor(x))
    mean, var = 0.3 * x.mean((0, 2, 3)), 0.7 + 0.3 * x.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(cell.running_mean.asnumpy(), mean)
    np.testing.assert_allclose(cell.running_var.asnumpy(), var)
    expected = (x - channels(mean, x)) / np.sqrt(channels(var, x) + 1e-5)
    np.testing.assert_allclose(cell.eval()(Tensor(x)).asnumpy(), expected)


def test_an_embedding_takes_rows_and_its_padding_gets_no_gradient():
    cell, indices = nn.Embedding(7, 4, padding_idx=2), np.array([[1, 2], [6, 1]])
    table = cell.weight.asnumpy()
    assert not table[2].any()
    np.testing.assert_array_equal(cell(Tensor(indices)).asnumpy(), table[indices])
    _, (g,) = value_and_grad(lambda: ops.sum(cell(Tensor(indices))), None, cell.trainable_params())()
    np.testing.assert_array_equal(g.asnumpy()[:, 0], [0, 2, 0, 0, 0, 0, 1])


X, Y, CHANCE = draw(6, 5), draw(6, 5), RNG.uniform(0.1, 0.9, (6, 5))
CLASSES, WEIGHTS = np.array([0, 4, 2, 2, 1, 3]), RNG.uniform(0.5, 1.5, 5)
ROWS = np.arange(6)
LOSSES = [
    (nn.MSELoss(), X, Y, ((X - Y) ** 2).mean()),
    (nn.L1Loss("sum"), X, Y, np.abs(X - Y).sum()),
    (nn.HuberLoss(delta=0.5), X, Y,
     np.where(abs(X - Y) < 0.5, 0.5 * (X - Y) ** 2, 0.5 * (abs(X - Y) - 0.25)).mean()),
    (nn.SmoothL1Loss(beta=0.5), X, Y, np.where(abs(X - Y) < 0.5, (X - Y) ** 2, abs(X - Y) - 0.25).mean()),
    (nn.BCELoss(), CHANCE, CHANCE[::-1],
     -(CHANCE[::-1] * np.log(CHANCE) + (1 - CHANCE[::-1]) * np.log(1 - CHANCE)).mean()),
    (nn.BCEWithLogitsLoss(), X, CHANCE,
     -(CHANCE * np.log(sigmoid(X)) + (1 - CHANCE) * np.log(sigmoid(-X))).mean()),
    (nn.KLDivLoss("batchmean"), np.log(CHANCE), CHANCE[::-1],
     (CHANCE[::-1] * np.log(CHANCE[::-1] / CHANCE)).sum() / 6),
    (nn.NLLLoss(), X, CLASSES, -X[ROWS, CLASSES].mean()),
    (nn.CrossEntropyLoss(), X, CLASSES, -np.log(softmax(X))[ROWS, CLASSES].mean()),
    (nn.CrossEntropyLoss(WEIGHTS, ignore_index=2), X, CLASSES,
     -(WEIGHTS[CLASSES] * np.log(softmax(X))[ROWS, CLASSES])[CLASSES != 2].sum()
     / WEIGHTS[CLASSES[CLASSES != 2]].sum()),
    (nn.CrossEntropyLoss(label_smoothing=0.1), X, CLASSES,
     -(0.9 * np.log(softmax(X))[ROWS, CLASSES] + 0.1 * np.log(softmax(X)).mean(1)).mean()),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "x", "y", "expected"), LOSSES)
def test_a_loss_is_its_formula_and_its_gradient_that_of_differences(loss, x, y, expected):
    value, slope = value_and_grad(lambda x: loss(x, Tensor(y)))(Tensor(x))
    assert float(value) == pytest.approx(expected, rel=1e-9)
    u, h = draw(*x.shape), 1e-6
    up, down = (float(loss(Tensor(x + s * u), Tensor(y))) for s in (h, -h))
    assert float(ops.sum(slope * u)) == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-8)


def test_cosine_embedding_is_its_formula():
    sign = np.array([1, -1, 1, -1, -1, 1])
    cosine = (X * Y).sum(1) / np.sqrt((X**2).sum(1) * (Y**2).sum(1))
    expected = np.where(sign > 0, 1 - cosine, np.maximum(0, cosine - 0.1)).mean()
    assert float(nn.CosineEmbeddingLoss(0.1)(X, Y, sign)) == pytest.approx(expected, rel=1e-9)
