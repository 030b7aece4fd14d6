"""Porting a script of torch's: what is rewritten, what stays and is remarked on."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.__main__ import main
from framework.compat.port import Ported, port
from framework.core.tensor import Tensor
from framework.errors import ArgumentError

NET = '''
import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    """Two layers."""

    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, 8, bias=False)  # 宽度
        self.act = nn.ReLU(inplace=True)
        self.out = nn.Linear(in_features=8, out_features=3)

    def forward(self, x):
        x = self.act(self.fc(x))
        y = torch.cat([self.out(x), torch.zeros(x.shape[0], 1)], dim=1)
        y = y.view(x.shape[0], 2, 2)
        return F.softmax(torch.clamp(y, min=-1.0), dim=-1), torch.sum(y, 1, keepdim=True)


class Deep(Block):
    def forward(self, x):
        return super().forward(x)[0].unsqueeze(1)
'''


def body(text: str) -> str:
    return text.strip("\n")


def ported(text: str) -> Ported:
    return port(text)


def test_a_network_is_rewritten_and_runs_alike() -> None:
    found = ported(NET)
    assert [remark.text for remark in found.remarks] == [
        ".view() was made .reshape(), as if of a tensor",
        ".unsqueeze() was made .expand_dims(), as if of a tensor",
    ]
    assert "torch" not in found.text
    assert "# 宽度" in found.text
    made: dict[str, Any] = {}
    exec(compile(found.text, "net.py", "exec"), made)
    net = made["Deep"](4)
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    out = net(Tensor(x)).asnumpy()
    assert out.shape == (5, 1, 2, 2)

    torch = pytest.importorskip("torch")
    theirs: dict[str, Any] = {}
    exec(compile(NET, "net.py", "exec"), theirs)
    module = theirs["Deep"](4)
    with torch.no_grad():
        for name, parameter in net.parameters_and_names():
            dict(module.named_parameters())[name].copy_(torch.from_numpy(parameter.asnumpy().copy()))
        np.testing.assert_allclose(out, module(torch.from_numpy(x)).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("torch.add(a, b)", "ops.add(a, b)"),
        ("torch.sum(a, 1, True)", "ops.sum(a, 1, keepdims=True)"),
        ("torch.zeros(2, 3, dtype=torch.long)", "ops.zeros((2, 3), dtype=framework.int64)"),
        ("torch.zeros((2, 3), device=None)", "ops.zeros((2, 3))"),
        ("torch.zeros(2, 3, device=None, dtype=d)", "ops.zeros((2, 3), dtype=d)"),
        ("torch.std(out=None)", "ops.std(correction=1)"),
        ("torch.add(a, b, alpha=1)", "ops.add(a, b)"),
        ("torch.gather(a, 1, b)", "ops.take_along_axis(a, axis=1, indices=b)"),
        ("torch.std(a, dim=0)", "ops.std(a, axis=0, correction=1)"),
        ("torch.relu(torch.neg(a))", "ops.relu(ops.negative(a))"),
        ("torch.nn.functional.elu(a, 0.5, inplace=True)", "ops.elu(a, 0.5)"),
        ("f(torch.nn.Linear)", "f(nn.Dense)"),
        ("torch.optim.Adam(ps, lr=1e-3)", "optim.Adam(ps, lr=1e-3)"),
        ("torch.nn.ReLU(True)", "nn.ReLU()"),
        ("torch.nn.functional.dropout(a, 0.1, True, True)", "ops.dropout(a, 0.1, True)"),
        ("f: torch.Tensor = g", "f: framework.Tensor = g"),
    ],
)
def test_calls_are_rewritten(theirs: str, ours: str) -> None:
    found = ported(f"import torch\n{theirs}\n")
    assert found.text.splitlines()[-1] == ours
    assert found.remarks == []


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("torch.lerp(a, b, 0.5)", "torch.lerp has no counterpart: x + weight * (y - x)"),
        ("torch.max(a, 1)", "torch.max is not the same as framework.ops.max: "),
        ("torch.add(a, b, alpha=2)", "torch.add: alpha= has nothing like it in framework.ops.add"),
        ("torch.frobnicate(a)", "torch.frobnicate is not in the table"),
        ("torch.std(a, unbiased=False)", "torch.std: unbiased= is not known to framework.ops.std"),
        ("torch.sum(*a)", "torch.sum: * and ** hide which arguments are passed"),
        ("loss.backward()", ".backward(): if this is a tensor: framework.value_and_grad("),
        ("opt.step()", ".step(): if this is an optimiser or a scheduler: optimizer(gradients); a schedule"),
        ("net.parameters()", ".parameters(): if this is a module: trainable_params() for an optimiser"),
        ("p.data = 1", ".data: if this is of a tensor: x.stop_gradient()"),
        ("x.cuda()", ".cuda(): if this is a tensor: framework.set_device('gpu') once"),
    ],
)
def test_what_cannot_be_rewritten_stays_and_is_remarked_on(line: str, remark: str) -> None:
    found = ported(f"import torch\n\n{line}\n")
    assert found.text.splitlines()[-1] == line
    assert len(found.remarks) == 1
    assert found.remarks[0].line == 3
    assert found.remarks[0].text.startswith(remark)
    assert ("import torch" in found.text) == line.startswith("torch")


def test_what_stays_is_torch_s_by_its_full_name_since_the_short_one_is_ours_now() -> None:
    text = """
import os, torch
try:
    import torch.nn as nn
except ImportError:
    from torch import nn
from torch.nn import Linear, init

layer = Linear(2, 3)
init.zeros_(nn.ReLU(inplace=True)(layer.weight))
"""
    assert (
        ported(text).text
        == """
import os
from framework import nn
import torch
try:
    pass
except ImportError:
    pass

layer = nn.Dense(2, 3)
torch.nn.init.zeros_(nn.ReLU()(layer.weight))
"""
    )


def test_methods_of_tensors_that_are_attributes_or_conversions_here_become_these() -> None:
    text = (
        "import torch\ny = (x == y).float().sum() / x.size(0) + x.t()[: x.size()[-1]].contiguous().numel()\n"
    )
    done = ported(text)
    assert done.text == (
        "import framework\n"
        "y = (x == y).astype(framework.float32).sum() / x.shape[0] + x.T[: x.shape[-1]].size\n"
    )
    assert [remark.text for remark in done.remarks] == [
        ".contiguous() was left out, as if of a tensor",
        ".float() was made .astype(framework.float32), as if of a tensor",
        ".numel() was made .size, as if of a tensor",
        ".size() was made .shape, as if of a tensor",
        ".t() was made .T, as if of a tensor",
    ]


def test_torch_as_a_value_and_stars_stay() -> None:
    text = "import torch as t\nfrom torch.nn import *\nx = getattr(t, name)(t.zeros(2))\n"
    done = ported(text)
    assert done.text.splitlines() == [
        "from framework import ops", "import torch", "from torch.nn import *",
        "x = getattr(torch, name)(ops.zeros(2))",
    ]  # fmt: skip
    assert [remark.line for remark in done.remarks] == [2, 3]


def test_a_device_is_left_out_and_remarked_on() -> None:
    done = ported("import torch\nx = torch.zeros(2, device=where)\n")
    assert done.text.splitlines()[-1] == "x = ops.zeros(2)"
    assert done.remarks[0].text.startswith("torch.zeros: device= was left out: framework.set_device()")


def test_a_method_that_the_file_defines_is_its_own() -> None:
    text = "import torch\n\nclass A:\n    def view(self): ...\n\nA().view()\n"
    assert ported(text).text.splitlines()[-1] == "A().view()"


def test_a_function_of_another_module_is_no_method_of_a_tensor() -> None:
    text = "import torch\nimport math\nimport numpy as np\n\ny = np.transpose(x, (1, 0)) / math.sqrt(2)\n"
    done = ported(text)
    assert done.text.splitlines()[-1] == text.splitlines()[-1]
    assert not done.remarks


def test_a_deviation_of_a_sample_stays_one_when_it_is_a_method() -> None:
    text = ported("import torch\n\ny = x.std(0) + x.var(dim=0)\n").text
    assert text.splitlines()[-1] == "y = x.std(0, correction=1) + x.var(axis=0, correction=1)"


def test_text_that_is_no_python_is_refused_with_its_line() -> None:
    with pytest.raises(ArgumentError, match="line 2 is no Python"):
        ported("import torch\nx = (\n")


def test_the_command_writes_the_script_and_tells_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, new = tmp_path / "model.py", tmp_path / "new.py"
    model.write_text("import torch\ny = torch.neg(x)\nz = torch.lerp(x, y, 1)\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["framework", "port", str(model), "-o", str(new)])
    assert main() == 1
    assert f"{model}:3: torch.lerp has no counterpart" in capsys.readouterr().err
    assert "y = ops.negative(x)" in new.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["framework", "port", "/nowhere.py"])
    assert main() == 2
    assert "/nowhere.py" in capsys.readouterr().err


STEP = """import torch
for x, y in rows:
    optimizer.zero_grad()
    {middle}
    loss = f(x, y)
    loss.backward()
    {clip}
    optimizer.step()
    print({read})
"""


def test_a_training_step_becomes_a_function_that_returns_what_others_read() -> None:
    found = ported(STEP.format(middle="h = net(x); z = h", clip="pass", read="loss, h")).text
    assert "loss.backward()" in found  # something else than clipping stands between
    text = STEP.format(
        middle="h = net(x)", clip="torch.nn.utils.clip_grad_value_(ps, clip_value=2)", read="h"
    )
    found = ported(text)
    assert found.remarks == []
    assert (
        found.text
        == """import framework
from framework import optim
for x, y in rows:
    def forward():
        h = net(x)
        loss = f(x, y)
        return loss, (h,)
    (loss, (h,)), gradients = framework.value_and_grad(forward, None, optimizer.parameters, has_aux=True)()
    gradients = optim.clip_by_value(gradients, 2)
    optimizer(gradients)
    print(h)
"""
    )


def test_two_steps_in_a_block_of_a_method_indented_by_tabs_are_two_functions() -> None:
    text = """import torch
class Trainer:
	def step(self, x):
		self.d.zero_grad()
		# the critic's
		down = torch.nn.functional.mse_loss(
			self.critic(x),
			x,
		)
		down.backward(); self.d.step()
		up = -self.critic(x)
		up.backward()
		self.g.step()
"""
    assert (
        ported(text).text
        == """import framework
from framework import nn
class Trainer:
	def step(self, x):
		# the critic's
		def forward():
			down = nn.MSELoss()(self.critic(x), x)
			return down
		down, gradients = framework.value_and_grad(forward, None, self.d.parameters)(); self.d(gradients)
		def forward():
			up = -self.critic(x)
			return up
		up, gradients = framework.value_and_grad(forward, None, self.g.parameters)()
		self.g(gradients)
"""
    )


@pytest.mark.slow
def test_whatever_is_ported_is_python() -> None:
    torch = pytest.importorskip("torch")
    files = sorted((Path(torch.__file__).parent / "nn").rglob("*.py"))
    assert len(files) > 50
    for file in files:
        ast.parse(ported(file.read_text(encoding="utf-8")).text, str(file))


@pytest.mark.parametrize(
    "middle",
    [
        "state = net(x, state)",  # reads what it assigns: of the step before
        "total += net(x)",
        "y = w * y",
        "if g(x): break",
        'text = g("""\n    two lines""")',
        "gradients = g()",
    ],
)
def test_a_step_that_cannot_be_a_function_is_remarked_on(middle: str) -> None:
    text = STEP.replace("    {clip}\n", "").format(middle=middle, read="loss")
    found = ported(text)
    assert "loss.backward()\n    optimizer.step()" in found.text
    assert [remark.text.partition("(")[0] for remark in found.remarks] == [".backward", ".step"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("y = x.eq(a.view_as(b)).sum()", "y = (x == a.reshape(b.shape)).sum()"),
        ("y = torch.nn.functional.l1_loss(a, b, reduction=r)", "y = nn.L1Loss(reduction=r)(a, b)"),
        ("y = torch.addmm(a, b, c) * 2", "y = (a + b @ c) * 2"),
        ("torch.nn.init.normal_(p.weight, std=0.1)", "p.weight.assign(ops.normal(p.weight.shape, std=0.1))"),
        ("n.register_buffer('b', x.t())", "n.b = framework.Parameter(x.T, requires_grad=False)"),
        ("opt = torch.optim.SGD(net.parameters(), 0.1)", "opt = optim.SGD(net.trainable_params(), 0.1)"),
        ("with torch.no_grad():\n    x = y\n\n    z = x", "x = y\n\nz = x"),
        ("if c:\n    opt.zero_grad()", "if c:\n    pass"),
        ("y = x.to(torch.long)", "y = x.to(framework.int64)"),
        ("c = 1; opt.zero_grad()  # forget", "c = 1; pass  # forget"),
    ],
)  # fmt: skip
def test_what_has_another_form_here_is_written_in_it(theirs: str, ours: str) -> None:
    found = ported(f"import torch\n{theirs}\n")
    assert found.text.endswith(f"{ours}\n")
    assert "torch" not in found.text


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        (
            "torch.nn.functional.tanhshrink(f(x))",
            "is written x - ops.tanh(x): give x a name, to call it once",
        ),
        ("torch.nn.functional.linear(x, w)", "argument 'bias' is needed: without a bias: x @ ops.matrix_tr"),
        (
            "torch.nn.functional.mse_loss(x, y, z=1)",
            "its arguments are not those of nn.MSELoss(reduction=redu",
        ),
        ("loss = torch.nn.functional.mse_loss", "when it is called: give a function of that"),
        ("torch.optim.lr_scheduler.StepLR(opt, 3)", "optim.ExponentialDecayLR(lr, gamma, step_size * n, is"),
    ],
)
def test_what_cannot_be_written_so_says_why_and_what_to_write(line: str, remark: str) -> None:
    found = ported(f"import torch\n{line}\n")
    assert found.text.endswith(f"{line}\n")
    assert len(found.remarks) == 1
    assert remark in found.remarks[0].text
