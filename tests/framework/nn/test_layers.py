"""Every layer against torch: outputs, gradients of inputs and of weights, from the same weights."""

import numpy as np
import pytest

from framework import Tensor, grad, nn, ops, vjp, vmap
from framework.errors import DTypeError

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def compare(ours, theirs, *arrays, calls=1, atol=2e-5):
    """Load torch's weights into ours by name; compare what comes out and every gradient."""
    import torch

    state = {name: value.detach().numpy() for name, value in theirs.state_dict().items()}
    state.pop("num_batches_tracked", None)
    ours.load_state_dict(state)
    for _ in range(calls):
        params = ours.trainable_params()
        out, pull = vjp(lambda *xs: first(ours(*xs)), *map(Tensor, arrays), weights=params)
        seed = draw(*out.shape)
        of_inputs, of_weights = pull(Tensor(seed))
        of_inputs = of_inputs if isinstance(of_inputs, tuple) else (of_inputs,)
        theirs.zero_grad()
        inputs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        expected = first(theirs(*inputs))
        expected.backward(torch.tensor(seed))
        np.testing.assert_allclose(out.asnumpy(), expected.detach(), atol=atol, rtol=1e-4)
        for g, x in zip(of_inputs, inputs, strict=True):
            if x.grad is not None:
                np.testing.assert_allclose(g.asnumpy(), x.grad, atol=atol, rtol=1e-4)
        slopes = {name: p.grad for name, p in theirs.named_parameters()}
        for p, g in zip(params, of_weights, strict=True):
            np.testing.assert_allclose(g.asnumpy(), slopes.pop(p.name), atol=atol, rtol=1e-4, err_msg=p.name)
        assert not slopes


def first(output):
    return output[0] if isinstance(output, tuple) else output


CASES = {  # ours, torch's, the input's shape
    "Dense": (lambda: nn.Dense(5, 3), lambda t: t.Linear(5, 3), (4, 2, 5)),
    "Dense without bias": (
        lambda: nn.Dense(5, 3, has_bias=False),
        lambda t: t.Linear(5, 3, bias=False),
        (4, 5),
    ),
    "Conv2d": (lambda: nn.Conv2d(4, 6, 3, 2, 1), lambda t: t.Conv2d(4, 6, 3, 2, 1), (2, 4, 7, 8)),
    "Conv2d of groups": (
        lambda: nn.Conv2d(4, 6, (3, 2), padding=(1, 0), dilation=2, group=2, has_bias=False),
        lambda t: t.Conv2d(4, 6, (3, 2), padding=(1, 0), dilation=2, groups=2, bias=False),
        (2, 4, 7, 8),
    ),
    "Conv2d same": (
        lambda: nn.Conv2d(2, 3, 3, padding="same"),
        lambda t: t.Conv2d(2, 3, 3, padding="same"),
        (2, 2, 5, 6),
    ),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1), lambda t: t.Conv1d(4, 6, 3, 2, 1), (2, 4, 9)),
    "LayerNorm": (lambda: nn.LayerNorm((3, 5)), lambda t: t.LayerNorm((3, 5)), (4, 3, 5)),
    "LayerNorm, no bias": (
        lambda: nn.LayerNorm(5, has_bias=False),
        lambda t: t.LayerNorm(5, bias=False),
        (4, 5),
    ),
    "LayerNorm, plain": (
        lambda: nn.LayerNorm(5, affine=False),
        lambda t: t.LayerNorm(5, elementwise_affine=False),
        (4, 5),
    ),
    "RMSNorm": (lambda: nn.RMSNorm(5), lambda t: t.RMSNorm(5, eps=1e-6), (4, 3, 5)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 6), lambda t: t.GroupNorm(2, 6), (3, 6, 4, 5)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(5), lambda t: t.BatchNorm1d(5), (6, 5)),
    "BatchNorm1d of sequences": (lambda: nn.BatchNorm1d(5), lambda t: t.BatchNorm1d(5), (6, 5, 3)),
    "BatchNorm2d": (
        lambda: nn.BatchNorm2d(5, momentum=0.3),
        lambda t: t.BatchNorm2d(5, momentum=0.3),
        (6, 5, 2, 3),
    ),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2, 1), lambda t: t.MaxPool2d(3, 2, 1), (2, 3, 7, 8)),
    "MaxPool1d": (lambda: nn.MaxPool1d(3), lambda t: t.MaxPool1d(3), (2, 3, 7)),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1), lambda t: t.AvgPool2d(3, 2, 1), (2, 3, 7, 8)),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, 1), lambda t: t.AvgPool1d(3, 1), (2, 3, 7)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(2), lambda t: t.AdaptiveAvgPool2d(2), (2, 3, 7, 8)),
    "PReLU": (lambda: nn.PReLU(3), lambda t: t.PReLU(3), (2, 3, 4)),
    "GELU": (nn.GELU, lambda t: t.GELU(), (3, 4)),
    "GELU by tanh": (lambda: nn.GELU("tanh"), lambda t: t.GELU("tanh"), (3, 4)),
    "ELU": (lambda: nn.ELU(0.7), lambda t: t.ELU(0.7), (3, 4)),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.2), lambda t: t.LeakyReLU(0.2), (3, 4)),
    "Softmax": (lambda: nn.Softmax(0), lambda t: t.Softmax(0), (3, 4)),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), lambda t: t.LogSoftmax(-1), (3, 4)),
    "ReLU": (nn.ReLU, lambda t: t.ReLU(), (3, 4)),
    "ReLU6": (nn.ReLU6, lambda t: t.ReLU6(), (30, 4)),
    "HSwish": (nn.HSwish, lambda t: t.Hardswish(), (30, 4)),
    "HSigmoid": (nn.HSigmoid, lambda t: t.Hardsigmoid(), (30, 4)),
    "Sigmoid": (nn.Sigmoid, lambda t: t.Sigmoid(), (3, 4)),
    "Tanh": (nn.Tanh, lambda t: t.Tanh(), (3, 4)),
    "SiLU": (nn.SiLU, lambda t: t.SiLU(), (3, 4)),
    "Mish": (nn.Mish, lambda t: t.Mish(), (3, 4)),
    "Softplus": (nn.Softplus, lambda t: t.Softplus(), (3, 4)),
    "Identity": (nn.Identity, lambda t: t.Identity(), (3, 4)),
    "Flatten": (lambda: nn.Flatten(1, 2), lambda t: t.Flatten(1, 2), (2, 3, 4, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_and_its_gradients_are_torchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs, shape = CASES[name]
    compare(ours(), theirs(torch.nn), draw(*shape))


@pytest.mark.parametrize("rank", [1, 2])
def test_batch_norm_keeps_torchs_running_moments_and_uses_them_in_evaluation(rank):
    torch = pytest.importorskip("torch")
    shape = (8, 3, 4, 5)[: rank + 2] if rank == 2 else (8, 3)
    ours, theirs = getattr(nn, f"BatchNorm{rank}d")(3), getattr(torch.nn, f"BatchNorm{rank}d")(3)
    for _ in range(3):
        x = draw(*shape) * 2 + 1
        ours(Tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(ours.running_mean.asnumpy(), theirs.running_mean, atol=1e-6)
    np.testing.assert_allclose(ours.running_var.asnumpy(), theirs.running_var, rtol=1e-5)
    ours.eval(), theirs.eval()
    x = draw(*shape)
    np.testing.assert_allclose(ours(Tensor(x)).asnumpy(), theirs(torch.tensor(x)).detach(), atol=1e-5)


@pytest.mark.parametrize("padding", [None, 2])
def test_an_embedding_and_its_gradient_are_torchs(padding):
    torch = pytest.importorskip("torch")
    ours, theirs = nn.Embedding(7, 4, padding), torch.nn.Embedding(7, 4, padding)
    compare(ours, theirs, np.array([[1, 2, 2], [6, 0, 2]]))


RECURRENT = [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "has_bias": False}]


@pytest.mark.parametrize("options", RECURRENT)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_and_their_gradients_are_torchs(name, options):
    torch = pytest.importorskip("torch")
    renamed = {"bias" if key == "has_bias" else key: value for key, value in options.items()}
    ours, theirs = getattr(nn, name)(3, 5, **options), getattr(torch.nn, name)(3, 5, **renamed)
    x = draw(4, 2, 3)
    compare(ours, theirs, x)
    expected, found = theirs(torch.tensor(x))[1], ours(Tensor(x))[1]
    for a, b in zip(*[s if isinstance(s, tuple) else (s,) for s in (found, expected)], strict=True):
        np.testing.assert_allclose(a.asnumpy(), b.detach(), atol=1e-5)


def test_a_recurrent_layer_goes_on_from_a_state():
    layer = nn.LSTM(3, 5, num_layers=2)
    x = Tensor(draw(6, 2, 3))
    whole, last = layer(x)
    first_half, state = layer(x[:3])
    second_half, end = layer(x[3:], state)
    joined = np.concatenate([first_half.asnumpy(), second_half.asnumpy()])
    np.testing.assert_allclose(whole.asnumpy(), joined, atol=1e-6)
    np.testing.assert_allclose(last[1].asnumpy(), end[1].asnumpy(), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_and_its_gradients_are_torchs(causal):
    torch = pytest.importorskip("torch")
    ours, theirs = nn.MultiHeadAttention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    hidden = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None

    class Same(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = theirs

        def forward(self, x):
            return theirs(x, x, x, attn_mask=hidden, need_weights=False)[0]

    class Ours(nn.Cell):
        def __init__(self):
            self.inner = ours

        def construct(self, x):
            return self.inner(x, causal=causal)

    compare(Ours(), Same(), draw(3, 5, 8))


def test_attention_with_dropout_of_nothing_much_is_attention_without():
    layer, x = nn.MultiHeadAttention(8, 2, dropout=1e-9), Tensor(draw(2, 5, 8))
    mask = Tensor(RNG.random((2, 1, 5, 5)) < 0.7)
    dropped = layer(x, mask=mask, causal=True).asnumpy()
    seen = np.tri(5, dtype=bool) & mask.asnumpy()
    rows = seen.any(-1).all((0, 1))  # where every query sees something
    np.testing.assert_allclose(
        dropped[:, rows], layer.eval()(x, mask=mask, causal=True).asnumpy()[:, rows], atol=1e-6
    )


def test_separate_projections_give_what_the_joint_one_gives():
    layer, x = nn.MultiHeadAttention(8, 2), Tensor(draw(2, 5, 8))
    np.testing.assert_allclose(layer(x).asnumpy(), layer(x, x + 0).asnumpy(), atol=1e-6)


def test_dropout_keeps_the_mean_and_does_nothing_in_evaluation():
    layer, x = nn.Dropout(0.25), ops.ones((200, 200))
    dropped = layer(x).asnumpy()
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert not np.array_equal(dropped, layer(x).asnumpy())
    assert layer.eval()(x) is x


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_batches_and_its_gradients_are_a_loop_s(name):
    make, _, shape = CASES[name]
    layer = make().eval()  # in training, norms over the batch assign what differs
    rows = Tensor(draw(2, *shape))

    def slope(x):
        return grad(lambda v: (first(layer(v)) ** 2).sum())(x)

    for fn in (lambda x: first(layer(x)), slope):
        for found, row in zip(vmap(fn)(rows), rows, strict=True):
            np.testing.assert_allclose(found.asnumpy(), fn(row).asnumpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [nn.Dense(3, 4), nn.BatchNorm1d(3), nn.LSTM(3, 4), nn.LayerNorm(3)])
def test_a_layer_that_is_given_no_tensor_says_so(layer):
    with pytest.raises(
        DTypeError, match=rf"^{type(layer).__name__}: x is None \(NoneType\); Tensor is needed"
    ):
        layer(None)


def test_what_a_user_s_own_function_raises_in_a_container_stays_as_it_is():
    with pytest.raises(KeyError, match="missing"):
        nn.SequentialCell(nn.Dense(3, 3), lambda x: {}["missing"])(Tensor(np.ones((1, 3)), "float32"))
