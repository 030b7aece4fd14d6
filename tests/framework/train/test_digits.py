"""LeNet reads handwritten digits that it has not seen."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from framework import nn, ops
from framework.data import NumpySlicesDataset
from framework.optim import AdamW, CosineDecayLR
from framework.train import Accuracy, Model

EPOCHS, HELD_OUT = 30, 360


def digits():
    """Images (1797, 1, 8, 8) from 0 to 1, and digits, in random order."""
    with gzip.open(Path(__file__).with_name("digits.csv.gz"), "rt") as file:
        rows = np.random.default_rng(0).permutation(np.loadtxt(file, delimiter=",", dtype=np.int64))
    return (rows[:, :64] / 16).astype(np.float32).reshape(-1, 1, 8, 8), rows[:, 64]


def lenet():
    """LeCun et al. 1998 for smaller images, with what came later: ReLU, batch norm, dropout."""
    return nn.SequentialCell(
        nn.Conv2d(1, 16, 3, padding="same"), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same"), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Dense(128, 120), nn.ReLU(),
        nn.Dropout(0.3), nn.Dense(120, 84), nn.ReLU(), nn.Dense(84, 10),
    )  # fmt: skip


def accuracy(seed, compiled):
    ops.set_seed(seed)
    images, labels = digits()
    columns = ("image", "digit")
    seen = NumpySlicesDataset((images[HELD_OUT:], labels[HELD_OUT:]), columns).shuffle(seed).batch(32)
    unseen = NumpySlicesDataset((images[:HELD_OUT], labels[:HELD_OUT]), columns).batch(HELD_OUT)
    net = lenet()
    optimizer = AdamW(net.trainable_params(), CosineDecayLR(0.0, 3e-3, EPOCHS * len(seen)), weight_decay=0.05)
    model = Model(net, nn.CrossEntropyLoss(), optimizer, {"accuracy": Accuracy()}, compiled=compiled)
    model.fit(EPOCHS, seen, progress=False)
    return model.eval(unseen)["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True])
def test_of_held_out_digits_98_in_100_are_read(compiled):
    assert accuracy(0, compiled) >= 0.98
