"""What is said of wrong calls: the argument, its value, and what to do instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import data, nn, ops, optim, serialise, train
from framework.core.tensor import Tensor
from framework.errors import FrameworkError

X = Tensor(np.ones((2, 3), np.float32))
SINGULAR = Tensor(np.zeros((2, 2)))
ROWS = data.NumpySlicesDataset((np.ones(3),), ("a",))


def net() -> nn.Dense:
    return nn.Dense(3, 2)


def model() -> train.Model:
    return train.Model(net(), nn.MSELoss(), optim.SGD(net().trainable_params(), 0.1))


# A wrong call, and words of the message.
WRONG: list[tuple[Any, str]] = [
    (lambda: X + Tensor([1.0] * 4), "shapes (2, 3) and (4,) do not broadcast: dimension -1 is 3 and 4"),
    (lambda: X + "a", "cannot be made of 'a' (str): numbers are allowed"),
    (lambda: X + None, "cannot be made of None"),
    (lambda: X @ X, "matmul: shapes (2, 3) and (2, 3): the first must have as many columns"),
    (lambda: X[5], "index 5 is out of range for dimension 0 of shape (2, 3)"),
    (lambda: X[0, [True, False]], "a boolean mask of shape (2,) for dimension 1 of shape (2, 3): make"),
    (lambda: X[..., [True, False]], "a boolean mask of shape (2,) for dimension 1 of shape (2, 3): make"),
    (lambda: ops.index_put(X, 0, 1j), "index_put: complex64 into float32: take the real part first"),
    (lambda: ops.while_loop(bool, abs, X[0, 0], max_steps=-1), "while_loop: max_steps is -1; 0 or more"),
    (lambda: X[1.5], "must be integers, slices or a boolean mask, not float32"),
    (lambda: X[[True]], "a boolean mask of shape (1,) for dimension 0 of shape (2, 3): make"),
    (lambda: ops.zeros("a"), "shape 'a': an int or a sequence of ints is needed"),
    (lambda: ops.zeros((-1,)), "shape (-1,): sizes of 0 or more are needed"),
    (lambda: ops.reshape(X, 2.5), "shape 2.5: an int or a sequence"),
    (lambda: ops.broadcast_to(X, (-2, 3)), "sizes of 0 or more"),
    (lambda: ops.tile(X, -1), "sizes of 0 or more"),
    (lambda: ops.repeat(X, -1), "sizes of 0 or more"),
    (lambda: ops.eye(-1), "sizes of 0 or more"),
    (lambda: ops.linspace(0, 1, -1), "shape -1: sizes of 0 or more"),
    (lambda: ops.arange(0, 5, 0), "arange: step 0 never gets from 0 to 5"),
    (lambda: ops.zeros(2, "floaty"), "dtype 'floaty' is not supported; there are: bool"),
    (lambda: ops.concat([]), "concat: no arrays were given"),
    (lambda: ops.split(X, 0), "split: sizes 0 must be 1 or more"),
    (lambda: ops.chunk(X, 0), "chunk: chunks 0 must be 1 or more"),
    (lambda: ops.roll(X, 1, 9), "roll: axis 9 of a tensor with 2 dimensions; give one from -2 to 1"),
    (lambda: ops.pad(X, 3), "pad: mode 'constant', widths 3 of a tensor of shape (2, 3)"),
    (lambda: ops.topk(X, 9), "topk: k 9 of an axis of 3 elements; give 0 to 3"),
    (lambda: ops.one_hot(X, 3), "one_hot: classes of dtype float32; integers are needed"),
    (lambda: X & X, "bits of float32: integers or bools are needed"),
    (lambda: ops.bitwise_left_shift(X, X), "a shift of float32: integers are needed"),
    (lambda: ops.linalg.inv(SINGULAR), "inv: x of shape (2, 2): Singular matrix: add a multiple of ops.eye"),
    (lambda: ops.linalg.cholesky(-ops.eye(2)), "is not positive definite: a symmetric x with eigenvalues"),
    (lambda: ops.linalg.solve(X, X), "solve: x has shape (2, 3); square matrices"),
    (lambda: ops.rand((2,), "int32"), "random numbers of dtype int32: a floating one is needed, or randint"),
    (lambda: ops.rand((2,), key=3), "key 3: one made by ops.key(seed)"),
    (lambda: fw.set_seed("a"), "seed 'a' must be an int from 0"),
    (lambda: ops.dropout(X, 1.5), "dropout: p 1.5 must be from 0 to 1"),
    (lambda: ops.scan(lambda c, x: c, X, X), "scan: f must return a tuple of two"),
    (lambda: ops.from_dlpack(3), "from_dlpack: 3 (int) has no __dlpack__: use asarray"),
    (lambda: ops.einsum("ij,jk->ik", X, X), "einsum 'ij,jk->ik': 'j' is 3 and 2"),
    (lambda: fw.grad(lambda x: x)(X), "the function returned float32[2, 3]; it must be one real scalar"),
    (lambda: fw.grad(lambda x: np.float32(1))(X), "no tensor, which no gradient follows: return a tensor"),
    (lambda: fw.grad(lambda x: np.linalg.norm(x))(X), "would lose it: use framework.ops"),
    (lambda: fw.vmap(lambda x: x, in_axes=5)(X), "vmap: in_axes 5 for an argument of shape (2, 3)"),
    (lambda: fw.check_grads(lambda x: x.sum(), X), "args is float32[2, 3] (Tensor); Sequence[Any] is"),
    (lambda: fw.check_grads(lambda x: x.sum(), (X,), order=0), "order is 0; 1 or more is needed"),
    (lambda: np.cbrt(X), "np.cbrt of a tensor of shape (2, 3) is no operator of the framework"),
    (lambda: np.add.reduce(X), "np.add.reduce of a tensor"),
    (lambda: np.add(X, X, out=np.ones((2, 3))), "np.add with out= of a tensor"),
    (lambda: nn.Dense("a", 2), "Dense: in_channels is 'a' (str); int is needed"),
    (lambda: net()(ops.zeros((2, 5))), "Dense: x has shape (2, 5); its last axis must be 3"),
    (lambda: nn.Conv2d(3, 4, 0), "Conv2d: 3 channels, 4 filters, kernel (0, 0): ints from 1"),
    (lambda: nn.Conv2d(3, 4, 3)(X), "conv2d: x has shape (2, 3), weight (4, 3, 3, 3); both need four"),
    (lambda: net().register_forward_hook(3), "Dense: hook 3 is no function"),
    (lambda: net().load_state_dict({"a": X}), "weight: missing"),
    (lambda: optim.SGD(net(), 0.1), "is no list of Parameters; give net.trainable_params()"),
    (lambda: optim.SGD(net().trainable_params(), "a"), "SGD: lr is 'a'; a number of 0 or more"),
    (lambda: optim.Adam(net().trainable_params(), 0.1)(None), "None as gradients for 2 parameters"),
    (lambda: setattr(net(), "weight", 3), "Dense.weight is a parameter; 3 in its place would not be trained"),
    (lambda: net().load_state_dict(3), "load_state_dict: 3 is no dictionary of tensors by name"),
    (lambda: net().to("cuda"), "(set_device and to_device choose the device)"),
    (lambda: X.to_device("tpu"), "device 'tpu' is unknown; give 'cpu' or 'gpu'"),
    (lambda: X[0:2:0], "a step other than 0 is needed"),
    (lambda: X.astype(None), "dtype None is not supported"),
    (lambda: ops.tril(X[0]), "tril, triu: x has shape (3,); two dimensions or more"),
    (lambda: ops.tensordot(X, X, 3), "tensordot: axes 3 of shapes (2, 3) and (2, 3)"),
    (lambda: ops.linalg.qr(X[0]), "qr: x has shape (3,); matrices"),
    (lambda: ops.take_along_axis(X, X), "take_along_axis: the indices are float32; integers are needed"),
    (lambda: nn.CrossEntropyLoss(weight=X[0, :1])(X, Tensor([0, 1])), "one number for each class is needed"),
    (lambda: nn.CosineEmbeddingLoss()(X, X, X[0]), "vectors (2, 3), targets (3,); one for each is needed"),
    (lambda: optim.Adam(net().trainable_params(), eps=-1), "Adam: eps is -1; 0 or more"),
    (lambda: optim.global_norm([]), "global_norm: [] holds no tensor"),
    (lambda: data.Loader(3), "Loader: dataset is 3 (int); Dataset is needed"),
    (lambda: data.NumpySlicesDataset((np.ones(3), np.ones(4)), ("a", "b")), "arrays of [3, 4] rows"),
    (lambda: ROWS.map(abs, "zz"), "map: no column 'zz'; there are a"),
    (lambda: ROWS.batch(0), "batch: batch_size is 0; 1 or more"),
    (lambda: train.Model(net(), 3), "Model: loss_fn is 3 (int); Callable[..., Any] | None is needed"),
    (lambda: train.EarlyStopping(patience=-1), "EarlyStopping: mode is 'min', patience -1"),
    (lambda: serialise.save_checkpoint(3, "x"), "save_checkpoint: 3 is neither a cell nor tensors by name"),
    (lambda: serialise.load_checkpoint(Path(__file__)), "no safetensors file"),
    (lambda: ops.chunk(X, "a"), "chunk: chunks is 'a' (str); int is needed"),
    (lambda: ops.avg_pool2d(X, 2.5), "kernel_size is 2.5 (float); int | tuple[int, int] is"),
    (lambda: X.sum(axis=0, keepdims="a"), "sum: keepdims is 'a' (str); bool is needed"),
    (lambda: ops.sum(X, axs=0), "unexpected keyword argument 'axs'; its arguments are (x, axis=None,"),
    (lambda: ops.fft.fft(X[:, :0]), "FFT data points (0) specified.; it was given (float32["),
    (lambda: ops.cond(X[0, 0] > 0, 3, 4), "cond: true_fn is 3 (int); Callable[..., Any] is needed"),
    (lambda: ops.add(Tensor([1]), 10**30), "does not fit int64: cast the tensor first"),
    (lambda: ops.floor(X * 1j), "complex64 has neither order nor sign: take real, imag or abs first"),
    (lambda: -(X > 0), "bools are no numbers: use logical_not or logical_xor, or cast first"),
    (lambda: (X > 0) ** (X > 0), "pow: both operands are bools, which are no numbers"),
    (lambda: fw.vmap(3), "vmap: fn is 3 (int); Callable[..., Any] is needed"),
    (lambda: fw.grad(net(), "x"), "grad: grad_position is 'x' (str); int | tuple[int, ...] | None is needed"),
    (lambda: fw.hessian(net(), ()), "grad_position () names no argument"),
    (lambda: fw.jvp(lambda x: x, Tensor(3), Tensor(1)), "jvp: no input is floating point"),
    (lambda: fw.grad(fw.custom_vjp(ops.sum, ops.sum, ops.sum))(X), "(out, residuals) is needed"),
    (lambda: nn.Conv2d(3, 4, 3, stride="a"), "Conv2d: stride is 'a' (str); int | tuple[int, int] is needed"),
    (lambda: nn.LayerNorm(3, eps=float("nan")), "LayerNorm: eps is nan (float); float is needed"),
    (lambda: nn.LSTM(3, 2.5), "LSTM: hidden_size is 2.5 (float); int is needed"),
    (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features is 0; 1 or more is needed"),
    (lambda: nn.Dense(3), "Dense: missing a required argument: 'out_channels'; its arguments are (self, in_"),
    (lambda: optim.CosineDecayLR(0.0, "a", 5), "CosineDecayLR: max_lr is 'a' (str); float is needed"),
    (lambda: optim.GradientAccumulation(net(), 2), "(Dense); Optimizer is needed"),
    (lambda: optim.ExponentialMovingAverage([3]), "ExponentialMovingAverage: 3 is no Parameter"),
    (lambda: optim.clip_by_global_norm(X, "a"), "max_norm is 'a' (str); float is needed"),
    (lambda: data.NumpySlicesDataset(3, "a"), "arrays of [None] rows given for the columns a"),
    (lambda: train.Checkpoint(None), "Checkpoint: directory is None (NoneType); str | Path is needed"),
    (lambda: model().fit(1, ROWS), "train_dataset has 3 batches of the columns a; 0 or more, at least one"),
    (lambda: model().fit(1.5, ROWS), "fit: epoch is 1.5 (float); int is needed"),
    (lambda: model().fit(1, ROWS, callbacks=[3]), "callbacks is [3] (list); Sequence[Callback] is needed"),
    (lambda: train.Model(net(), max_grad_norm=0.0), "Model: max_grad_norm is 0.0; above 0, or None"),
    (lambda: train.Model(net(), metrics={"a": 3}), "(dict); Mapping[str, Metric] | None is needed"),
    (lambda: ROWS.shuffle("a"), "shuffle: seed is 'a' (str); int is needed"),
    (lambda: ROWS.map(3, "a"), "map: operation is 3 (int); Callable[..., Any] is needed"),
    (lambda: ops.Custom(np.sin, bprop=3), "Custom: bprop is 3 (int); Callable[..., Any] | None is needed"),
    (lambda: ops.Custom(np.sin, lambda s: s)(X, X), "called with 2 inputs; its out_shape takes others"),
    (lambda: ops.Custom(3), "Custom: func 3 must be a function where func_type is 'pyfunc'"),
]  # fmt: skip


def test_a_wrong_call_quotes_the_argument_and_its_value_and_says_what_to_do() -> None:
    for call, words in WRONG:
        with pytest.raises(FrameworkError, match=re.escape(words)):
            call()


def test_numpy_s_functions_of_tensors_are_ours_where_they_mean_the_same() -> None:
    assert isinstance(np.sum(X, axis=0), Tensor)
    assert isinstance(np.abs(X), Tensor)
    assert np.shape(X) == (2, 3)
    twice = fw.grad(lambda x: np.mean(np.power(np.concatenate([x, x]), 3)))(X)
    np.testing.assert_allclose(twice.asnumpy(), np.full((2, 3), 0.5), rtol=1e-6)


def test_numpy_s_other_functions_give_arrays_of_what_no_gradient_follows() -> None:
    assert np.linalg.norm(X) == pytest.approx(6**0.5)
    assert isinstance(np.sum(X, dtype=float), float)
    assert np.testing.assert_allclose(X, np.ones((2, 3))) is None
