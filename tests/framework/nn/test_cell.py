"""What a cell finds in itself, how it changes, and how it is saved."""

import copy
import os

import numpy as np
import pytest

from framework import Parameter, Tensor, grad, nn, ops, serialise, value_and_grad
from framework.errors import ArgumentError, CheckpointError, DTypeError


class Net(nn.Cell):
    """No super().__init__(): none is needed."""

    def __init__(self, tied=False):
        self.embed = nn.Embedding(5, 3)
        self.body = nn.SequentialCell(nn.Dense(3, 3), ops.tanh, nn.Dropout(0.5))
        self.scale = Parameter(np.ones(3, np.float32))
        self.head = nn.Dense(3, 5, has_bias=False)
        if tied:
            self.head.weight = self.embed.weight

    def construct(self, x):
        return self.head(self.body(self.embed(x)) * self.scale)


def test_parameters_are_found_in_order_under_dotted_names():
    assert list(Net().parameters_dict()) == [
        "scale",
        "embed.weight",
        "body.0.weight",
        "body.0.bias",
        "head.weight",
    ]
    assert [p.name for p in Net().trainable_params()] == list(Net().parameters_dict())
    assert [name for name, _ in Net().cells_and_names()] == [
        "",
        "embed",
        "body",
        "body.0",
        "body.1",
        "body.2",
        "head",
    ]


def test_a_tied_parameter_is_one_parameter():
    net = Net(tied=True)
    assert "head.weight" not in net.parameters_dict()
    x = Tensor([1, 2])
    gradients = grad(lambda x: ops.sum(net.eval()(x)), None, weights=net.trainable_params())(x)
    assert len(gradients) == 4
    assert gradients[1].asnumpy()[0].any()  # row 0 is in the head's product alone: both uses add up


def test_frozen_parameters_are_not_trained_but_are_saved():
    net = Net()
    net.scale.requires_grad = False
    assert "scale" not in [p.name for p in net.trainable_params()]
    assert "scale" in net.state_dict()


def test_a_cell_that_refers_upwards_is_walked_once():
    child, parent = nn.Dense(2, 2), nn.SequentialCell()
    parent.append(child)
    child.parent = parent
    assert list(parent.parameters_dict()) == ["0.weight", "0.bias"]


def test_train_and_eval_reach_every_cell():
    net = Net()
    assert all(cell.training for _, cell in net.cells_and_names())
    assert not any(cell.training for _, cell in net.eval().cells_and_names())
    assert all(cell.training for _, cell in net.train().cells_and_names())


def test_the_version_tells_any_change_however_deep_but_comes_back_with_the_mode():
    net = Net()
    first = net.version
    assert net.version == first
    assert net.eval().version != first
    assert net.train().version == first
    net.body[2].p = 0.25
    second = net.version
    assert second != first
    net.body[0] = nn.Dense(3, 3)
    assert net.version not in (first, second)
    third = net.version
    nn.Dense(2, 2)  # another cell altogether
    assert net.version == third
    net.body[2].p = net.body[2].p  # the same object
    assert net.version == third
    net.register_forward_hook(lambda cell, inputs, output: None)
    assert net.version != third


def test_a_plain_tensor_in_a_parameters_place_is_refused_with_the_cure():
    with pytest.raises(ArgumentError, match=r"Dense.weight is a parameter(.|\n)*\.weight\.assign"):
        nn.Dense(2, 2).weight = Tensor(np.zeros((2, 2)))


@pytest.mark.parametrize("container", [list, tuple, lambda cells: dict(enumerate(cells))])
def test_a_plain_container_of_cells_is_refused_with_the_cure(container):
    with pytest.raises(ArgumentError, match=r"Net.layers is a \w+ of cells.*CellList"):
        Net().layers = container([nn.Dense(2, 2)])


def test_containers_hold_cells_in_order():
    layers = nn.CellList([nn.Dense(2, 2), nn.Dense(2, 3)])
    layers.append(nn.Dense(3, 4))
    assert len(layers) == 3
    assert [cell.weight.shape for cell in layers] == [(2, 2), (3, 2), (4, 3)]
    assert layers[-1].weight.shape == (4, 3)
    layers[1] = nn.Dense(2, 7)
    assert list(layers.parameters_dict())[2] == "1.weight"
    assert layers[1].weight.shape == (7, 2)
    named = nn.CellDict({"a": nn.Dense(2, 2), "b": nn.Identity()})
    assert list(named) == ["a", "b"]
    assert list(named.parameters_dict()) == ["a.weight", "a.bias"]
    with pytest.raises(ArgumentError, match="is not a cell"):
        layers.append(3)
    with pytest.raises(ArgumentError, match="neither a cell nor a function"):
        nn.SequentialCell(3)


def test_hooks_see_and_may_replace_inputs_outputs_and_gradients():
    layer, seen = nn.Dense(2, 2), []
    remove = [
        layer.register_forward_pre_hook(lambda cell, inputs: seen.append("before") or (inputs[0] * 2,)),
        layer.register_forward_hook(lambda cell, inputs, output: seen.append("after") or output + 1),
        layer.register_backward_hook(lambda cell, gradient: seen.append("backward") or gradient * 10),
    ]
    x = Tensor(np.ones((1, 2), np.float32))
    plain = lambda x: x @ layer.weight.T + layer.bias  # noqa: E731
    value, slope = value_and_grad(lambda x: ops.sum(layer(x)))(x)
    np.testing.assert_allclose(float(value), float(ops.sum(plain(x * 2) + 1)), rtol=1e-6)
    np.testing.assert_allclose(slope.asnumpy(), 20 * layer.weight.asnumpy().sum(0, keepdims=True), rtol=1e-6)
    assert seen == ["before", "after", "backward"]
    for undo in remove:
        undo()
    np.testing.assert_array_equal(layer(x).asnumpy(), plain(x).asnumpy())
    assert len(seen) == 3


def test_to_float_computes_in_sixteen_bits_and_keeps_the_parameters():
    net = Net().eval()
    exact = net(Tensor([1, 2]))
    net.to_float("bfloat16")
    rough = net(Tensor([1, 2]))
    assert net.body[0].weight.dtype == np.float32
    assert net.body[0](Tensor(np.ones((1, 3), np.float32))).dtype.name == "bfloat16"
    np.testing.assert_allclose(rough.asnumpy().astype(np.float32), exact.asnumpy(), atol=0.05)
    gradients = grad(lambda x: ops.sum(net(x)), None, weights=net.trainable_params())(Tensor([1, 2]))
    assert {g.dtype.name for g in gradients} == {"float32"}
    with pytest.raises(ArgumentError, match="int32 is not floating-point"):
        net.to_float("int32")


def test_moving_to_a_dtype_changes_floating_parameters():
    net = nn.SequentialCell(nn.Dense(2, 2))
    net.steps = Parameter(np.zeros((), np.int64), requires_grad=False)
    net.to("float64")
    assert net[0].weight.dtype == np.float64
    assert net.steps.dtype == np.int64
    assert net.to("cpu")[0].weight.device == "cpu"
    with pytest.raises(DTypeError, match="'tpu'"):
        net.to("tpu")


def test_recomputed_cells_have_the_same_gradients():
    net = nn.SequentialCell(nn.Dense(3, 4), ops.tanh, nn.Dense(4, 2))
    x = Tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    loss = value_and_grad(lambda x: ops.sum(net(x) ** 2), 0, weights=net.trainable_params())
    value, (dx, dw) = loss(x)
    net.recompute()
    again, (dx2, dw2) = loss(x)
    assert float(value) == float(again)
    for a, b in zip((dx, *dw), (dx2, *dw2), strict=True):
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-6)


def test_state_goes_through_a_file(tmp_path):
    first, second = Net().eval(), Net().eval()
    serialise.save_checkpoint(first, tmp_path / "net.safetensors")
    second.load_state_dict(serialise.load_checkpoint(tmp_path / "net.safetensors"))
    x = Tensor([0, 3])
    np.testing.assert_array_equal(first(x).asnumpy(), second(x).asnumpy())
    os.unlink(tmp_path / "net.safetensors")
    assert second(x).shape == (2, 5)  # nothing looks into the file any more


def test_a_tied_parameter_is_found_under_either_name():
    net = Net(tied=True)
    state = {name: np.array(value) for name, value in net.state_dict().items()}
    state["head.weight"] = state.pop("embed.weight") + 1
    before = net.embed.weight.asnumpy().copy()
    net.load_state_dict(state)
    np.testing.assert_array_equal(net.embed.weight.asnumpy(), before + 1)


def test_what_does_not_fit_is_listed_whole_and_nothing_is_changed():
    net = Net()
    state = {name: np.array(value) + 1 for name, value in net.state_dict().items()}
    state["scale"] = np.ones(4)
    state["extra"] = state.pop("head.weight")
    before = {name: value.asnumpy().tobytes() for name, value in net.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    assert "scale: shape (4,) given, (3,) needed" in str(caught.value)
    assert "head.weight: missing" in str(caught.value)
    assert "extra: not in this cell" in str(caught.value)
    assert before == {name: value.asnumpy().tobytes() for name, value in net.state_dict().items()}


def test_without_strict_what_is_on_one_side_only_is_passed_over():
    net = Net()
    net.load_state_dict({"scale": np.full(3, 7.0), "extra": np.ones(1)}, strict=False)
    assert net.scale.tolist() == [7, 7, 7]


def test_a_copy_has_parameters_of_its_own():
    net = Net()
    other = copy.deepcopy(net)
    other.scale.assign(np.zeros(3))
    assert net.scale.tolist() == [1, 1, 1]
    assert other.scale.name == net.scale.name


def test_the_shape_of_a_net_can_be_read():
    text = repr(nn.SequentialCell(nn.Dense(3, 4), nn.ReLU()))
    assert text == "SequentialCell(\n  0: Dense(weight=(4, 3), bias=(4,))\n  1: ReLU()\n)"


def test_a_dictionary_of_cells_gives_a_row_of_them_their_names():
    net = nn.SequentialCell({"fc": nn.Dense(3, 4), "act": ops.relu})
    assert list(net.state_dict()) == ["fc.weight", "fc.bias"]
    assert net(ops.zeros((2, 3))).shape == (2, 4)


def test_a_cell_without_construct_says_so():
    with pytest.raises(NotImplementedError, match=r"Nothing has no construct\(self, …\)"):
        type("Nothing", (nn.Cell,), {})()()
