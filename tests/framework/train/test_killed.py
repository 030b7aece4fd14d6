"""A process that is killed while it trains: the next one ends in the bits of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys, time
import numpy as np
from framework import nn, ops, optim
from framework.data import Loader, NumpySlicesDataset
from framework.train import Callback, Checkpoint, Model

class Slow(Callback):
    def on_step_end(self, run):
        time.sleep(float(sys.argv[3]))

def noisy(x, rng):
    return x + rng.normal(0, 0.1, 4).astype(np.float32)

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    data = NumpySlicesDataset((x, (x.sum(1) > 0).astype(np.int64)), ("x", "y"))
    data = data.shuffle().map(noisy, "x").batch(10)
    ops.set_seed(int(sys.argv[4]))
    net = nn.SequentialCell(nn.Dense(4, 16), nn.Dropout(0.3), ops.tanh, nn.Dense(16, 2))
    model = Model(net, nn.CrossEntropyLoss(), optim.Adam(net.trainable_params(), 0.01))
    with Loader(data, num_workers=2) as loader:
        callbacks = [Checkpoint(sys.argv[1], every_steps=1), Slow()]
        model.fit(5, loader, callbacks=callbacks, resume=Checkpoint.latest(sys.argv[1]), progress=False)
    open(sys.argv[2], "wb").write(b"".join(p.asnumpy().tobytes() for p in net.state_dict().values()))
"""


def start(folder, result, wait, seed):
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", SCRIPT, str(folder), str(result), str(wait), str(seed)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)}, cwd=root)


@pytest.mark.slow
def test_a_killed_run_goes_on_in_the_same_bits(tmp_path):
    assert start(tmp_path / "whole", tmp_path / "expected", 0, 3).wait(120) == 0
    victim = start(tmp_path / "cut", tmp_path / "never", 0.05, 3)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "cut").glob("step-000000[12]*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "never").exists()
    # The next process was seeded otherwise: all that it needs is in the file.
    assert start(tmp_path / "cut", tmp_path / "found", 0, 99).wait(120) == 0
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
