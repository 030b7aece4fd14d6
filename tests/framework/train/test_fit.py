"""Training by `Model`: it learns, stops, reports, and resumes in the same bits."""

import numpy as np
import pytest

from framework import amp, nn, ops
from framework.data import Loader, NumpySlicesDataset
from framework.errors import ArgumentError, CheckpointError
from framework.optim import SGD, AdamW, CosineDecayLR, ExponentialMovingAverage, GradientAccumulation
from framework.train import Accuracy, Averaging, Callback, Checkpoint, EarlyStopping, Model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = (X @ RNG.normal(size=(4, 3)).astype(np.float32)).argmax(1)


def data(batch=16):
    return NumpySlicesDataset((X, Y), ("x", "y")).shuffle(seed=1).batch(batch)


def model(seed=0, compiled=False, **options):
    ops.set_seed(seed)
    net = nn.SequentialCell(nn.Dense(4, 8), nn.BatchNorm1d(8), ops.relu, nn.Dropout(0.2), nn.Dense(8, 3))
    optimizer = AdamW(net.trainable_params(), CosineDecayLR(0.0, 0.05, 40))
    return Model(
        net, nn.CrossEntropyLoss(), optimizer, {"accuracy": Accuracy()}, compiled=compiled, **options
    )


def bits(trained):
    cells = [trained.network, trained.optimizer, trained.loss_scaler]
    return [
        value.asnumpy().tobytes()
        for cell in cells
        if cell is not None
        for value in cell.state_dict().values()
    ]


@pytest.mark.parametrize("compiled", [False, True])
def test_it_learns_and_says_how_well(compiled):
    trained = model(compiled=compiled)
    history = trained.fit(10, data(), data(), progress=False)
    assert len(history) == 10
    assert set(history[0]) == {"loss", "valid_loss", "valid_accuracy"}
    assert history[-1]["valid_accuracy"] > 0.9
    assert history[-1]["loss"] < history[0]["loss"]
    assert trained.eval(data())["accuracy"] == history[-1]["valid_accuracy"]
    assert trained.predict(X[:5]).shape == (5, 3)
    assert trained.network.training


class StopAfter(Callback):
    """Stands for a machine that is switched off after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    def on_step_end(self, run):
        if run.total_steps == self.steps:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("at", "workers", "compiled"),
    [  # 4 and 8 are ends of epochs
        (4, 0, False),
        (6, 0, False),
        (6, 2, False),
        (8, 2, False),
        pytest.param(6, 0, True, marks=pytest.mark.slow),
        pytest.param(8, 2, True, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, at, workers, compiled):
    def trained(callbacks=(), resume=None):
        with Loader(data(), num_workers=workers) as loader:
            subject = model(compiled=compiled, loss_scaler=amp.DynamicLossScaler(4.0, scale_window=3))
            early = EarlyStopping(patience=50)
            history = subject.fit(4, loader, data(), [early, *callbacks], resume=resume, progress=False)
        return subject, history, early.state_dict()

    whole, history, remembered = trained()
    saving = Checkpoint(tmp_path, every_steps=2)
    with pytest.raises(KeyboardInterrupt):
        trained([saving, StopAfter(at + 1)])
    resumed, history_2, remembered_2 = trained(resume=Checkpoint.latest(tmp_path))
    assert bits(whole) == bits(resumed)
    assert history == history_2
    assert remembered == remembered_2


def test_averages_and_callbacks_of_one_class_are_resumed_too(tmp_path):
    def trained(epochs, resume=None):
        subject = model()
        average = ExponentialMovingAverage(subject.network.trainable_params(), 0.9)
        stops = [EarlyStopping("loss", patience=patience) for patience in (20, 30)]
        saving = Checkpoint(tmp_path)
        subject.fit(
            epochs, data(), callbacks=[Averaging(average), *stops, saving], resume=resume, progress=False
        )
        return [value.asnumpy().tobytes() for value in average.state_dict().values()], [s.best for s in stops]

    whole = trained(3)
    for path in tmp_path.iterdir():
        path.unlink()
    trained(1)
    assert trained(3, Checkpoint.latest(tmp_path)) == whole


def test_checkpoints_are_numbered_and_the_oldest_go(tmp_path):
    model().fit(3, data(), callbacks=[Checkpoint(tmp_path / "run", keep=2)], progress=False)
    assert [path.name for path in sorted((tmp_path / "run").iterdir())] == [
        "step-00000008.safetensors", "step-00000012.safetensors"
    ]  # fmt: skip
    assert Checkpoint.latest(tmp_path / "none") is None


def test_a_finished_run_is_not_trained_further(tmp_path):
    first = model()
    history = first.fit(2, data(), callbacks=[Checkpoint(tmp_path)], progress=False)
    again = model(seed=5)
    assert again.fit(2, data(), resume=Checkpoint.latest(tmp_path), progress=False) == history
    assert bits(first) == bits(again)


def test_what_is_no_checkpoint_of_this_run_is_refused(tmp_path):
    model().fit(1, data(), callbacks=[Checkpoint(tmp_path)], progress=False)
    path = Checkpoint.latest(tmp_path)
    other = nn.SequentialCell(nn.Dense(4, 3))
    unlike = Model(other, nn.CrossEntropyLoss(), SGD(other.trainable_params()), compiled=False)
    with pytest.raises(CheckpointError, match="SequentialCell cannot load this state"):
        unlike.fit(2, data(), resume=path, progress=False)
    with pytest.raises(ArgumentError, match="4 rows an epoch, this one has 8"):
        model().fit(2, data(batch=8), resume=path, progress=False)
    (tmp_path / "x").write_bytes(b"\2" + bytes(7) + b"{}")
    with pytest.raises(CheckpointError, match="no checkpoint of a training run"):
        model().fit(2, data(), resume=tmp_path / "x", progress=False)


@pytest.mark.parametrize(("mode", "values", "epochs"), [
    ("min", [3, 2, 2, 2, 1], 4), ("max", [1, 2, 3, 1, 1, 9], 5), ("min", [1, 2, 0.5, 2, 3], 5),
])  # fmt: skip
def test_early_stopping_waits_for_so_many_epochs_without_a_better_one(mode, values, epochs):
    class Pretend(Callback):
        def on_epoch_end(self, run):
            run.logs["score"] = values[run.epoch - 1]

    stopping = EarlyStopping("score", patience=2, mode=mode)
    assert len(model().fit(len(values), data(), callbacks=[Pretend(), stopping], progress=False)) == epochs


def test_early_stopping_names_what_there_is_when_its_number_is_not_there():
    with pytest.raises(ArgumentError, match="no 'valid_loss'; there are loss"):
        model().fit(1, data(), callbacks=[EarlyStopping()], progress=False)


def test_progress_is_shown_unless_it_is_not_wanted(capsys):
    model().train(2, data())
    assert [line.split("  ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "epoch 1/2",
        "epoch 2/2",
    ]
    model().train(1, data(), progress=False)
    assert capsys.readouterr().err == ""


def test_accumulating_over_batches_is_training_on_their_union():
    def trained(batch, wrap):
        ops.set_seed(0)
        net = nn.Dense(4, 3)
        optimizer = wrap(SGD(net.trainable_params(), 0.1))
        Model(net, nn.CrossEntropyLoss(), optimizer, compiled=False).fit(2, data(batch), progress=False)
        return net.weight.asnumpy()

    many = trained(16, lambda optimizer: GradientAccumulation(optimizer, 2))
    np.testing.assert_allclose(many, trained(32, lambda optimizer: optimizer), rtol=1e-5)


def test_clipped_gradients_move_no_further_than_the_limit():
    ops.set_seed(0)
    net = nn.Dense(4, 3)
    before = net.weight.asnumpy().copy(), net.bias.asnumpy().copy()
    subject = Model(
        net, nn.CrossEntropyLoss(), SGD(net.trainable_params(), 1.0), max_grad_norm=0.01, compiled=False
    )
    subject.train_step(X, Y)
    moved = sum(np.square(a.asnumpy() - b).sum() for a, b in zip((net.weight, net.bias), before, strict=True))
    assert np.sqrt(moved) == pytest.approx(0.01, rel=1e-3)


def test_what_is_missing_is_asked_for():
    net = nn.Dense(4, 3)
    with pytest.raises(ArgumentError, match="training needs a loss_fn and an optimizer"):
        Model(net, compiled=False).fit(1, data(), progress=False)
    with pytest.raises(ArgumentError, match="evaluating needs a loss_fn"):
        Model(net, compiled=False).eval(data())
    assert Model(net, compiled=False).predict(X).shape == (64, 3)
