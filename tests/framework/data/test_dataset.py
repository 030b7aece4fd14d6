"""Rows are a function of (epoch, index) alone."""

import numpy as np
import pytest

from framework.data import GeneratorDataset, NumpySlicesDataset


def numbers(count: int = 10) -> NumpySlicesDataset:
    x = np.arange(count, dtype=np.float32)
    return NumpySlicesDataset((x, x.astype(np.int64) * 10), ("x", "y"))


def epoch_of(dataset, epoch=0):
    return [dataset.row(epoch, i) for i in range(len(dataset))]


def test_a_source_with_len_and_index_gives_its_rows():
    dataset = GeneratorDataset([("a", 1), ("b", 2)], ("letter", "number"))
    assert epoch_of(dataset) == [("a", 1), ("b", 2)]
    assert len(dataset) == 2


def test_a_source_without_random_access_is_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"source is a generator.*Cure: list\(source\)"):
        GeneratorDataset((i for i in range(3)), "x")


def test_a_row_with_too_few_values_is_named():
    with pytest.raises(ValueError, match=r"row 1 has 1 values; the columns are x, y"):
        GeneratorDataset([(1, 2), (3,)], ("x", "y")).row(0, 1)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"arrays of \[3, 4\] rows"):
        NumpySlicesDataset((np.zeros(3), np.zeros(4)), ("x", "y"))


def test_a_row_past_the_end_is_refused():
    with pytest.raises(IndexError, match="row 10 asked for; an epoch of this dataset has rows 0 to 9"):
        numbers().row(0, 10)


def test_a_map_replaces_its_columns_and_keeps_the_others_in_place():
    mapped = numbers(3).map(lambda x: (x + 1, x * 2), "x", ("more", "twice"))
    assert mapped.column_names == ("more", "twice", "y")
    assert epoch_of(mapped) == [(1, 0, 0), (2, 2, 10), (3, 4, 20)]


def test_a_map_that_returns_the_wrong_number_of_values_is_named():
    def both(x):
        return x, x

    with pytest.raises(ValueError, match="both returned 2 values for the columns x"):
        numbers().map(both, "x").row(0, 0)


def test_a_map_of_a_column_that_is_not_there_lists_those_that_are():
    with pytest.raises(ValueError, match="no column 'z'; there are x, y"):
        numbers().map(abs, "z")


def test_a_shuffle_gives_every_row_once_in_another_order_each_epoch():
    dataset = numbers(50).shuffle(seed=3)
    first, second = ([x for x, _ in epoch_of(dataset, epoch)] for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == [x for x, _ in epoch_of(numbers(50).shuffle(seed=3), 0)]


def test_a_batch_stacks_rows_and_its_last_may_be_short_or_dropped():
    batches = epoch_of(numbers().batch(4))
    assert [x.tolist() for x, _ in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert batches[0][1].dtype == np.int64
    assert len(numbers().batch(4, drop_remainder=True)) == 2
    assert len(numbers(8).batch(4)) == 2


def test_rows_of_different_shapes_do_not_stack_and_the_column_is_named():
    ragged = GeneratorDataset([np.zeros(2), np.zeros(3)], "x").batch(2)
    with pytest.raises(ValueError, match=r"column 'x' have shapes \(2,\), \(3,\).*pad or crop"):
        ragged.row(0, 0)


def test_a_map_after_the_batch_gets_whole_batches():
    summed = numbers().batch(5).map(np.sum, "x")
    assert [x for x, _ in epoch_of(summed)] == [10, 35]


def test_an_operation_that_takes_an_rng_draws_the_same_again_but_not_in_another_row_epoch_or_map():
    def noise(x, rng):
        return rng.random()

    dataset = numbers().map(noise, "x").map(noise, "y")
    assert dataset.row(0, 3) == dataset.row(0, 3)
    draws = [value for epoch in (0, 1) for row in epoch_of(dataset, epoch) for value in row]
    assert len(set(draws)) == len(draws) == 40


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(size):
    with pytest.raises(ValueError, match=f"batch_size is {size}; 1 or more"):
        numbers().batch(size)
