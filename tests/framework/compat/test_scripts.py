"""Scripts as newcomers bring them: ported, they run without torch and compute what torch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework.compat.port import port

TRAINING = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

device = torch.device("cpu")

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.fc = nn.Linear(8, 3)
        nn.init.constant_(self.conv.weight, 0.1)
        nn.init.zeros_(self.conv.bias)
        torch.nn.init.constant_(self.fc.weight, 0.2)
        nn.init.ones_(self.fc.bias)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return F.log_softmax(self.fc(torch.flatten(x, 1)), dim=1)

def train(model, device, batches, optimizer):
    model.train()
    losses = []
    for data, target in batches:
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()  # forget the last step's
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
        optimizer.step()
        losses.append(loss.item())
        right = output.argmax(dim=1).eq(target).sum().item()
    return losses + [right]

def test(model, device, batches):
    model.eval()
    total = 0
    with torch.no_grad():
        for data, target in batches:
            output = model(data.to(device))
            total += F.nll_loss(output, target, reduction="sum").item()
    return total

rng = np.random.default_rng(0)
batches = []
for _ in range(3):
    x = torch.tensor(rng.standard_normal((4, 1, 4, 4)), dtype=torch.float32)
    batches.append((x, torch.tensor(rng.integers(0, 3, 4))))
model = Net().to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
result = train(model, device, batches, optimizer) + [test(model, device, batches)]
"""

BLOCK = """
import math
import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F

class Attention(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.norm = nn.LayerNorm(width)
        self.heads = heads
        self.width = width
        self.register_buffer(
            "mask",
            torch.tril(torch.ones(length, length)).view(1, 1, length, length),
        )
        nn.init.constant_(self.qkv.weight, 0.3)
        nn.init.zeros_(self.qkv.bias)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(self.norm(x) * x).split(self.width, dim=2)
        q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in (q, k, v))
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf")).softmax(dim=-1)
        return x + (att @ v).transpose(1, 2).contiguous().view(B, T, C)

    @torch.no_grad()
    def total(self, x):
        return self(x).sum().item()

x = torch.tensor(np.random.default_rng(0).standard_normal((2, 5, 8)), dtype=torch.float32)
block = Attention(8, 2, 6)
logits = block(x)
loss = F.cross_entropy(logits.view(-1, logits.size(-1)), torch.arange(10) % 8, label_smoothing=0.1)
result = [loss.item(), block.total(x)]
"""

RECURRENT = """
import numpy as np
import torch
import torch.nn as nn

class Classifier(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 4)
        self.lstm = nn.LSTM(4, 3, num_layers=1, batch_first=True)
        self.fc = nn.Linear(3, 2)
        for weight in (self.embedding.weight, self.lstm.weight_ih_l0, self.lstm.weight_hh_l0, self.fc.weight):
            nn.init.constant_(weight, 0.4)
        for bias in (self.lstm.bias_ih_l0, self.lstm.bias_hh_l0, self.fc.bias):
            nn.init.zeros_(bias)

    def forward(self, tokens):
        out, (h, c) = self.lstm(self.embedding(tokens))
        return self.fc(torch.cat([h[-1], out[:, 0]], dim=1)[:, :3])

tokens = torch.tensor(np.random.default_rng(0).integers(0, 7, (6, 4)))
labels = (tokens[:, 0] > 3).to(torch.long)
model = Classifier(7)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-2)
result = []
for epoch in range(3):
    opt.zero_grad(set_to_none=True)
    logits = model(tokens)
    loss = loss_fn(logits, labels)
    loss.backward()
    opt.step()
    result.append(loss.item())
result.append((torch.argmax(logits, dim=1) == labels).float().mean().item())
result += model(tokens).softmax(dim=-1).detach().cpu().numpy().ravel().tolist()
"""

STATE = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("shift", torch.zeros(4))
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
        return self.norm(x * self.scale + self.shift).sum(dim=-1).sigmoid()

x = torch.tensor(np.random.default_rng(0).standard_normal((6, 4)), dtype=torch.float32)
target = torch.tensor(np.random.default_rng(1).random(6), dtype=torch.float32)
model, other = Model(), Model()
other.load_state_dict(model.state_dict())
out = torch.clamp(x.mean(dim=1).sigmoid(), 0.1, 0.9)
result = [
    F.binary_cross_entropy(out, target).item(),
    F.mse_loss(out, target, reduction="sum").item() + F.smooth_l1_loss(out, target).item(),
    F.linear(x, torch.ones(3, 4), bias=torch.ones(3)).sum().item(),
    (model(x).sub(other(x))).abs().sum().item(),
    F.one_hot(torch.tensor([0, 2, 1]), num_classes=3).sum().item(),
    F.normalize(x, dim=1).sum().item(),
    sorted(model.state_dict().keys()).index("shift"),
]
"""

SCRIPTS = {"training": TRAINING, "block": BLOCK, "recurrent": RECURRENT, "state": STATE}


def run(text: str) -> list[float]:
    made: dict[str, Any] = {}
    exec(compile(text, "script.py", "exec"), made)
    return list(made["result"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_as_it_was_ported_and_computes_what_torch_computes(name: str) -> None:
    found = port(SCRIPTS[name])
    assert "torch" not in found.text
    done = ("was left out", "was made", "was written")
    assert [remark for remark in found.remarks if not any(how in remark.text for how in done)] == []
    result = run(found.text)
    pytest.importorskip("torch")
    np.testing.assert_allclose(result, run(SCRIPTS[name]), rtol=2e-4, atol=2e-5)
