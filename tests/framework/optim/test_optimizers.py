"""Each optimiser against torch where torch has it, against its formula in NumPy where it has not."""

import numpy as np
import pytest

from framework import Parameter, Tensor, ops
from framework.errors import ArgumentError, ShapeError
from framework.jit import jit
from framework.optim import LAMB, SGD, Adafactor, Adam, AdamW, Lion, PolynomialDecayLR

SHAPES = [(4, 5), (7,), (2, 3, 4), ()]
LIKE_TORCH = [
    (SGD, "SGD", {"lr": 0.1}),
    (SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (Adam, "Adam", {"lr": 0.01}),
    (Adam, "Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    (AdamW, "AdamW", {"lr": 0.01}),
    (AdamW, "AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    (Adafactor, "Adafactor", {"lr": 0.05}),
    (Adafactor, "Adafactor", {"lr": 0.05, "eps": (1e-4, 1e-2), "d": 1.5, "weight_decay": 0.1}),
]


def draw(seed, dtype):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def run(make, steps=6, dtype=np.float64):
    """The parameters after some steps along known gradients."""
    params = [Parameter(array, f"p{at}") for at, array in enumerate(draw(0, dtype))]
    optimizer = make(params)
    for step in range(1, steps + 1):
        optimizer([Tensor(g) for g in draw(step, dtype)])
    assert int(optimizer.step) == steps
    return [p.asnumpy() for p in params]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("ours", "theirs", "options"), LIKE_TORCH)
def test_six_steps_are_torchs(ours, theirs, options, dtype):
    torch = pytest.importorskip("torch")
    values = [torch.tensor(array, requires_grad=True) for array in draw(0, dtype)]
    settled = {"weight_decay": 0.0} if theirs == "Adafactor" else {}
    optimizer = getattr(torch.optim, theirs)(values, **settled | options)
    for step in range(1, 7):
        for value, gradient in zip(values, draw(step, dtype), strict=True):
            value.grad = torch.tensor(gradient)
        optimizer.step()
    found = run(lambda params: ours(params, **options), dtype=dtype)
    rtol = 2e-5 if dtype == np.float32 else 1e-9
    for a, b in zip(found, values, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), rtol=rtol, atol=1e-6)


def by_hand(formula):
    """The same steps by a formula of (p, g, memory, t) in NumPy."""
    values, memory = draw(0, np.float64), [{} for _ in SHAPES]
    for step in range(1, 7):
        values = [
            formula(p, g, m, step) for p, g, m in zip(values, draw(step, np.float64), memory, strict=True)
        ]
    return values


def momenta(m, g, betas, t):
    m["m"] = betas[0] * m.get("m", 0) + (1 - betas[0]) * g
    m["v"] = betas[1] * m.get("v", 0) + (1 - betas[1]) * g**2
    return m["m"] / (1 - betas[0] ** t), m["v"] / (1 - betas[1] ** t)


def sgd(p, g, m, t):
    m["v"] = 0.9 * m.get("v", 0) + g + 0.01 * p
    return p - 0.1 * m["v"]


def adamw(p, g, m, t):
    mean, square = momenta(m, g, (0.9, 0.999), t)
    return p * (1 - 0.01 * 0.3) - 0.01 * mean / (np.sqrt(square) + 1e-8)


def lion(p, g, m, t):
    old = m.get("m", 0)
    m["m"] = 0.99 * old + 0.01 * g
    return p * (1 - 0.01 * 0.1) - 0.01 * np.sign(0.9 * old + 0.1 * g)


def lamb(p, g, m, t):
    mean, square = momenta(m, g, (0.9, 0.999), t)
    u = mean / (np.sqrt(square) + 1e-6) + 0.02 * p
    return p - 0.01 * np.linalg.norm(p) / np.linalg.norm(u) * u


def adafactor(p, g, m, t):
    b, eps = t**-0.8, np.finfo(p.dtype).eps
    if p.ndim > 1:
        m["r"] = m.get("r", 0) * (1 - b) + b * (g**2).mean(-1, keepdims=True)
        m["c"] = m.get("c", 0) * (1 - b) + b * (g**2).mean(-2, keepdims=True)
        v = m["r"] * m["c"] / np.maximum(m["r"].mean(-2, keepdims=True), eps)
    else:
        v = m["v"] = m.get("v", 0) * (1 - b) + b * g**2
    u = g / np.sqrt(np.maximum(v, eps**2))
    u /= max(1, np.sqrt(np.mean(u**2)))
    return p - max(1e-3, np.sqrt(np.mean(p**2))) * min(0.05, t**-0.5) * u


@pytest.mark.parametrize(("make", "formula"), [
    (lambda p: SGD(p, 0.1, momentum=0.9, weight_decay=0.01), sgd),
    (lambda p: AdamW(p, 0.01, weight_decay=0.3), adamw),
    (lambda p: Lion(p, 0.01, weight_decay=0.1), lion),
    (lambda p: LAMB(p, 0.01, weight_decay=0.02), lamb),
    (lambda p: Adafactor(p, 0.05), adafactor),
])  # fmt: skip
def test_six_steps_are_those_of_the_formula(make, formula):
    for a, b in zip(run(make), by_hand(formula), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_lamb_leaves_a_parameter_of_zeros_and_a_gradient_of_zeros_finite():
    zeros = Parameter(np.zeros(3, np.float32))
    LAMB([zeros], 0.1, weight_decay=0.0)([Tensor(np.zeros(3, np.float32))])
    assert zeros.tolist() == [0, 0, 0]


@pytest.mark.parametrize("make", [SGD, Adam, AdamW, Lion, LAMB, Adafactor])
def test_each_finds_the_bottom_of_a_bowl(make):
    p = Parameter(np.array([1.0, -2.0, 3.0]))
    optimizer = make([p], lr=PolynomialDecayLR(0.05, 0.0, 400))
    for _ in range(400):
        optimizer([2 * (p.held - 1.5)])
    np.testing.assert_allclose(p.asnumpy(), 1.5, atol=0.05)


def test_groups_have_settings_of_their_own():
    a, b = Parameter(np.ones(2), "a"), Parameter(np.ones(2), "b")
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": [b], "weight_decay": 1.0}], lr=0.1)
    optimizer([Tensor(np.ones(2)), Tensor(np.ones(2))])
    assert a.tolist() == [0.5, 0.5]
    np.testing.assert_allclose(b.asnumpy(), 0.8)
    assert optimizer.learning_rates() == (0.5, 0.1)


def test_sixteen_bit_parameters_are_updated_in_float32():
    p = Parameter(np.full(4, 1.0, np.float16), "p")
    optimizer = Adam([p], lr=0.01)
    optimizer([Tensor(np.full(4, 1e-6, np.float16))])
    assert p.dtype == np.float16
    assert optimizer.parameters_dict()["exp_avg_sq.p"].dtype == np.float32
    assert optimizer.parameters_dict()["exp_avg_sq.p"].asnumpy().min() > 0  # 1e-15 would be 0 in float16
    np.testing.assert_allclose(p.asnumpy(), 0.99, rtol=1e-3)


def test_the_functional_core_changes_nothing():
    p = Parameter(np.ones(3), "p")
    optimizer = Adam([p])
    before = optimizer.state
    values, state = optimizer.update([Tensor(np.ones(3))], [p.held], before)
    assert p.tolist() == [1, 1, 1]
    assert int(optimizer.step) == int(before["step"]) == 0
    assert int(state["step"]) == 1
    again, _ = optimizer.update([Tensor(np.ones(3))], [p.held], before)
    np.testing.assert_array_equal(values[0].asnumpy(), again[0].asnumpy())


def test_state_is_saved_by_name_and_restored_bit_for_bit():
    first, second = (Parameter(np.ones(3), "w") for _ in range(2))
    a, b = Adam([first]), Adam([second])
    a([Tensor(np.arange(3.0))])
    second.assign(first)
    b.load_state_dict({name: ops.copy(value) for name, value in a.state_dict().items()})
    for optimizer in (a, b):
        optimizer([Tensor(np.ones(3))])
    assert list(a.state_dict()) == ["step", "exp_avg.w", "exp_avg_sq.w"]
    assert first.asnumpy().tobytes() == second.asnumpy().tobytes()


def test_parameters_of_one_name_get_state_of_their_own():
    optimizer = Adam([Parameter(np.ones(1), "w"), Parameter(np.ones(2), "w")])
    assert {"exp_avg.w#0", "exp_avg.w#1"} <= set(optimizer.state_dict())


@pytest.mark.parametrize(("make", "words"), [
    (lambda p: Adam([]), "0 parameters given"),
    (lambda p: Adam([p, p]), "none twice"),
    (lambda p: Adam([p], lr=-1), "lr is -1"),
    (lambda p: Adam([p], betas=(0.9, 1.0)), r"betas\[1\] is 1.0"),
    (lambda p: AdamW([p], weight_decay=-1), "weight_decay is -1"),
    (lambda p: SGD([p], nesterov=True), "momentum is 0.0"),
    (lambda p: SGD([{"params": [p], "beta": 1}]), r"\['beta'\]"),
    (lambda p: SGD([np.ones(3)]), "no Parameter"),
])  # fmt: skip
def test_what_is_out_of_range_is_named(make, words):
    with pytest.raises(ArgumentError, match=words):
        make(Parameter(np.ones(3)))


def test_gradients_in_another_order_or_number_are_refused():
    optimizer = SGD([Parameter(np.ones(3), "a"), Parameter(np.ones(2), "b")])
    with pytest.raises(ShapeError, match="1 gradients for 2 parameters"):
        optimizer([Tensor(np.ones(3))])
    with pytest.raises(ShapeError, match="parameter 'a' has shape"):
        optimizer([Tensor(np.ones(2)), Tensor(np.ones(3))])


@pytest.mark.parametrize("make", [
    Adam,
    *(pytest.param(make, marks=pytest.mark.slow) for make in (  # each is compiled
        lambda p: SGD(p, 0.1, momentum=0.9, weight_decay=0.01), lambda p: AdamW(p, 0.01, weight_decay=0.3),
        lambda p: Lion(p, 0.01, weight_decay=0.1), LAMB, Adafactor,
    )),
])  # fmt: skip
def test_a_compiled_step_is_an_eager_one(make):
    def trained(compiled):
        params = [Parameter(array, f"p{at}") for at, array in enumerate(draw(0, np.float32))]
        optimizer = make(params)
        step = (
            jit(lambda *gradients: optimizer(gradients))
            if compiled
            else lambda *gradients: optimizer(gradients)
        )
        for at in range(1, 4):
            step(*[Tensor(g) for g in draw(at, np.float32)])
        return [value.asnumpy() for value in (*params, *optimizer.state_dict().values())]

    for a, b in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
