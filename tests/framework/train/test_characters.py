"""A character transformer learns the licence's text along torch's very curve, from the same weights.

`torch_curve.json` is the loss of each step as torch gave it; where torch is there, it is asked again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from framework import Parameter, Tensor, nn, ops
from framework.optim import AdamW
from framework.train import Model

HERE = Path(__file__).parent
TEXT = (Path(__file__).parents[3] / "LICENSE").read_text()
LETTERS = sorted(set(TEXT))
STEPS, BATCH, LENGTH, WIDTH, HEADS, LAYERS = 200, 16, 32, 48, 4, 2
RATE = 3e-3


class Block(nn.Cell):
    def __init__(self):
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiHeadAttention(WIDTH, HEADS)
        self.up, self.down = nn.Dense(WIDTH, 4 * WIDTH), nn.Dense(4 * WIDTH, WIDTH)

    def construct(self, x):
        x = x + self.attention(self.norm1(x), causal=True)
        return x + self.down(ops.gelu(self.up(self.norm2(x))))


class Transformer(nn.Cell):
    def __init__(self):
        self.embed = nn.Embedding(len(LETTERS), WIDTH)
        self.position = Parameter(np.zeros((LENGTH, WIDTH), np.float32))
        self.blocks = nn.CellList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Dense(WIDTH, len(LETTERS), has_bias=False)

    def construct(self, letters):
        x = self.embed(letters) + self.position
        for block in self.blocks:
            x = block(x)
        return ops.moveaxis(self.head(self.norm(x)), -1, 1)  # (batch, classes, length)


def weights():
    """The same first weights for both, by name."""
    rng = np.random.default_rng(0)
    state = {}
    for name, parameter in sorted(Transformer().state_dict().items()):
        ones = name.endswith("weight") and "norm" in name
        drawn = rng.normal(0, 0.05, parameter.shape)
        state[name] = (np.ones(parameter.shape) if ones else drawn).astype(np.float32)
    return state


def batches():
    rng = np.random.default_rng(1)
    text = np.array([LETTERS.index(letter) for letter in TEXT])
    for _ in range(STEPS):
        starts = rng.integers(0, len(text) - LENGTH - 1, BATCH)
        rows = text[starts[:, None] + np.arange(LENGTH + 1)]
        yield rows[:, :-1], rows[:, 1:]


def our_curve(compiled):
    net = Transformer()
    net.load_state_dict(weights())
    model = Model(net, nn.CrossEntropyLoss(), AdamW(net.trainable_params(), RATE), compiled=compiled)
    return [float(model.train_step(Tensor(x), Tensor(y))) for x, y in batches()]


def torch_curve(torch):
    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
            self.attention = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.up, self.down = torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, x):
            later = torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1)
            y = self.norm1(x)
            x = x + self.attention(y, y, y, attn_mask=later, need_weights=False)[0]
            return x + self.down(torch.nn.functional.gelu(self.up(self.norm2(x))))

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(len(LETTERS), WIDTH)
            self.position = torch.nn.Parameter(torch.zeros(LENGTH, WIDTH))
            self.blocks = torch.nn.ModuleList(Part() for _ in range(LAYERS))
            self.norm = torch.nn.LayerNorm(WIDTH)
            self.head = torch.nn.Linear(WIDTH, len(LETTERS), bias=False)

        def forward(self, letters):
            x = self.embed(letters) + self.position
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x)).transpose(-1, 1)

    net = Whole()
    net.load_state_dict({name: torch.tensor(value) for name, value in weights().items()})
    optimizer = torch.optim.AdamW(net.parameters(), RATE)
    curve = []
    for x, y in batches():
        loss = torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_the_loss_follows_torchs_step_for_step_within_a_hundredth(compiled):
    expected = json.loads((HERE / "torch_curve.json").read_text())
    found = our_curve(compiled)
    assert expected[-1] < 0.6 * expected[0]  # there is something to follow
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.slow
def test_the_kept_curve_is_torchs():
    torch = pytest.importorskip("torch")
    expected = json.loads((HERE / "torch_curve.json").read_text())
    np.testing.assert_allclose(torch_curve(torch), expected, rtol=0.01)
