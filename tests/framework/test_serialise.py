"""Tensors in files: what is written is read, what is damaged is refused."""

import json
import os

import ml_dtypes
import numpy as np
import pytest

from framework import Tensor, serialise
from framework.errors import CheckpointError


def write_raw(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_every_dtype_and_shape_comes_back_with_its_bits(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 2, (3, 5)).astype(dtype) for name, dtype in serialise.DTYPES.items()} | {
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 3), np.float32),
        "a.b/c é": np.arange(7),
    }
    arrays["F32"][0, 0] = np.nan
    serialise.write(tmp_path / "x", arrays, {"who": "we"})
    found, metadata = serialise.read(tmp_path / "x")
    assert metadata == {"who": "we"}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_read_arrays_look_into_the_file_and_are_read_only(tmp_path):
    serialise.write(tmp_path / "x", {"a": np.zeros(3)})
    found, _ = serialise.read(tmp_path / "x")
    assert not found["a"].flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        found["a"][0] = 1


def test_tensors_are_saved_and_loaded_by_name(tmp_path):
    serialise.save_checkpoint({"w": Tensor([[1.0, 2.0]]), "n": np.arange(3)}, tmp_path / "x")
    loaded = serialise.load_checkpoint(tmp_path / "x")
    assert loaded["w"].tolist() == [[1.0, 2.0]]
    assert loaded["n"].dtype == np.int64


def test_other_readers_of_the_format_find_aligned_data_in_order(tmp_path):
    serialise.write(
        tmp_path / "x", {"b": np.ones(3, np.uint8), "d": np.ones(2), "h": np.ones(3, ml_dtypes.bfloat16)}
    )
    raw = (tmp_path / "x").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    assert length % 8 == 0
    assert [header[name]["data_offsets"] for name in ("d", "h", "b")] == [[0, 16], [16, 22], [22, 25]]
    assert header["h"] == {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    serialise.write(tmp_path / "x", {"a": np.zeros(3)})
    before = (tmp_path / "x").read_bytes()

    def full(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        serialise.write(tmp_path / "x", {"a": np.ones(3)})
    assert (tmp_path / "x").read_bytes() == before
    assert os.listdir(tmp_path) == ["x"]


def test_a_dtype_without_a_name_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="'z' has dtype complex128"):
        serialise.write(tmp_path / "x", {"z": np.zeros(1, complex)})


@pytest.mark.parametrize(("header", "data", "words"), [
    (b"not json", b"", "no header"),
    ([1], b"", "no header"),
    ({"a": entry(dtype="F99")}, bytes(8), "dtype F99 is none of"),
    ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), "data_offsets"),
    ({"a": entry(shape=(-1, -2))}, bytes(8), "are no sizes"),
    ({"a": entry(offsets=(8, 0))}, bytes(8), "are no sizes"),
    ({"a": entry(shape=(3,))}, bytes(8), "has 8 bytes"),
    ({"a": entry(offsets=(0, 8)), "b": entry(offsets=(4, 12))}, bytes(12), "'b' begins at byte 4"),
    ({"a": entry(offsets=(4, 12))}, bytes(12), "'a' begins at byte 4"),
    ({"a": entry()}, bytes(9), "cut off or damaged"),
    ({"a": entry()}, bytes(7), "cut off or damaged"),
    ({"__metadata__": {"n": 1}}, b"", "more than strings"),
])  # fmt: skip
def test_a_header_that_contradicts_itself_is_refused(tmp_path, header, data, words):
    write_raw(tmp_path / "x", header, data)
    with pytest.raises(CheckpointError, match=words):
        serialise.read(tmp_path / "x")


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    serialise.write(tmp_path / "x", {"a": np.arange(4), "b": np.ones(3, np.float32)})
    whole = (tmp_path / "x").read_bytes()
    for length in {*range(0, len(whole), 9), 7, 8, len(whole) - 1}:
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            serialise.read(tmp_path / "x")


def test_a_pickle_is_recognised_as_none(tmp_path):
    (tmp_path / "x").write_bytes(b"\x80\x04\x95" + bytes(100))
    with pytest.raises(CheckpointError, match="no safetensors file"):
        serialise.read(tmp_path / "x")


def test_a_name_of_the_format_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="any name but __metadata__"):
        serialise.write(tmp_path / "x", {"__metadata__": np.zeros(1)})
