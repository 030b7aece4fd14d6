"""A loader gives the dataset's rows in order, resumes where it was, and survives its workers."""

import itertools
import os
import signal

import numpy as np
import pytest

from framework.data import GeneratorDataset, Loader, NumpySlicesDataset
from framework.errors import WorkerError


def jittered(x, rng):
    return x + rng.normal()


def pipeline(count: int = 40):
    x = np.arange(count, dtype=np.float64)
    return NumpySlicesDataset((x, x), ("x", "y")).shuffle(seed=1).map(jittered, "x").batch(4)


def two_epochs(loader):
    return [(x.tobytes(), y.tobytes()) for x, y in itertools.chain(loader, loader)]


def test_the_rows_do_not_depend_on_the_number_of_workers():
    alone = two_epochs(Loader(pipeline()))
    assert len(set(alone)) == 20
    for count in (1, 3):
        with Loader(pipeline(), num_workers=count) as loader:
            assert two_epochs(loader) == alone


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("after", [1, 7, 10, 13])
def test_a_new_loader_goes_on_from_the_state_of_another(workers, after):
    whole = two_epochs(Loader(pipeline()))
    first = Loader(pipeline())
    rows = itertools.chain(first, first)
    for _ in range(after):
        next(rows)
    with Loader(pipeline(), num_workers=workers) as second:
        second.load_state_dict(first.state_dict())
        rest = [(x.tobytes(), y.tobytes()) for x, y in itertools.chain(second, second)]
        assert rest[: len(whole) - after] == whole[after:]


def test_in_the_body_of_the_last_row_the_epoch_has_not_ended_yet():
    loader = Loader(pipeline(8))
    states = [loader.state_dict() for _ in loader]
    assert states[-1] == {"epoch": 0, "position": 2, "length": 2}
    assert loader.state_dict() == {"epoch": 1, "position": 0, "length": 2}


def test_leaving_an_epoch_early_and_going_on_loses_no_row_and_repeats_none():
    whole = [x.tobytes() for x, _ in Loader(pipeline())]
    with Loader(pipeline(), num_workers=2) as loader:
        seen = []
        for x, _ in loader:
            seen.append(x.tobytes())
            if len(seen) == 3:
                break
        seen += [x.tobytes() for x, _ in loader]
    assert seen == whole
    assert loader.epoch == 1


def test_the_state_of_a_dataset_of_another_length_is_refused():
    with pytest.raises(ValueError, match="10 rows an epoch, this one has 2"):
        Loader(pipeline(8)).load_state_dict(Loader(pipeline()).state_dict())


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match="num_workers is -1"):
        Loader(pipeline(), num_workers=-1)


def test_what_a_map_raises_in_a_worker_arrives_with_its_traceback():
    def picky(x):
        if x == 5:
            raise ArithmeticError("five is not allowed")
        return x

    dataset = GeneratorDataset(range(8), "x").map(picky, "x")
    with (
        Loader(dataset, num_workers=2) as loader,
        pytest.raises(WorkerError, match=r"row 5 of epoch 0(?s:.*)in picky(?s:.*)five is not allowed"),
    ):
        list(loader)


def test_a_killed_worker_is_reported_with_its_signal():
    def deadly(x):
        if x == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    dataset = GeneratorDataset(range(8), "x").map(deadly, "x")
    with (
        Loader(dataset, num_workers=2) as loader,
        pytest.raises(WorkerError, match="data worker 1 ended with exit code -9 before row 3"),
    ):
        list(loader)


def test_closing_ends_the_processes():
    loader = Loader(pipeline(), num_workers=2)
    next(iter(loader))
    processes = list(loader._workers._processes)
    assert all(process.is_alive() for process in processes)
    loader.close()
    assert not any(process.is_alive() for process in processes)


def test_a_loader_closed_while_it_is_read_says_so_and_ends_quietly() -> None:
    loader = Loader(NumpySlicesDataset((np.arange(20),), ("n",)).batch(2), num_workers=2)
    rows, left = iter(loader), iter(loader)
    next(rows)
    loader.close()
    with pytest.raises(WorkerError, match=r"the loader was closed meanwhile; iterate it anew"):
        next(rows)
    del left
