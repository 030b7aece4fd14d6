"""Tensors in files: the safetensors format, read through a memory map and written aside, then renamed.

Theory of operation. A file is the length of its header (8 bytes, little-endian), the header (JSON: name →
dtype, shape, begin and end in the data; `__metadata__` → strings by name), then the data, without gaps.
Reading maps the file and gives arrays that look into the map: nothing is copied, pages come in when touched,
and the arrays are read-only. A file may come from a stranger, so every statement of its header is checked
before any array is made. Format: huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from framework.core.tensor import Tensor, wrap
from framework.errors import CheckpointError

NumpyArray = npt.NDArray[Any]

LONGEST_HEADER = 100_000_000  # bytes; what the format's own reader allows
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, NumpyArray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write `arrays` by name. Whoever reads `path` meanwhile sees the old file or the new one, never a part.

    Raises:
        CheckpointError: a dtype that the format has no name for.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    # The widest elements first: every array then begins at a multiple of its element size.
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    begin = 0
    for name in order:
        array = arrays[name]
        if array.dtype not in NAMES or name == "__metadata__":
            raise CheckpointError(
                f"{name!r} has dtype {array.dtype}; a safetensors file holds {', '.join(DTYPES)}, under any "
                "name but __metadata__"
            )
        end = begin + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    _replace(Path(path), [len(text).to_bytes(8, "little"), text], [arrays[name] for name in order])


def _replace(path: Path, head: list[bytes], arrays: list[NumpyArray]) -> None:
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(head)
            for array in arrays:
                file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())  # mkstemp made it for the owner alone
        os.replace(aside, path)
    except BaseException:
        os.unlink(aside)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read(path: str | os.PathLike[str]) -> tuple[dict[str, NumpyArray], dict[str, str]]:
    """The arrays by name, read-only and looking into the mapped file, and the metadata.

    Raises:
        CheckpointError: the file is cut off, is not safetensors, or its header contradicts itself.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            raise CheckpointError(f"{path}: {size} bytes long; a safetensors file has 8 or more")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(data[:8], "little")
    if length > min(LONGEST_HEADER, size - 8):
        raise CheckpointError(
            f"{path}: its first 8 bytes announce a header of {length} bytes in a file of {size}; "
            "it is cut off or no safetensors file (a pickled checkpoint is not read, for it could run code)"
        )
    header = _header(path, data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    _check_layout(path, header, size - 8 - length)
    body = np.frombuffer(data, np.uint8, offset=8 + length) if size > 8 + length else np.empty(0, np.uint8)
    return {name: _array(path, name, entry, body) for name, entry in header.items()}, metadata


def _header(path: object, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        for entry in entries.values():
            begin, end = entry["data_offsets"]
            numbers = [begin, end, *entry["shape"]]
            if not all(type(number) is int and number >= 0 for number in numbers) or begin > end:
                raise ValueError(f"{numbers} are no sizes")
            if entry["dtype"] not in DTYPES:
                raise ValueError(f"dtype {entry['dtype']} is none of {', '.join(DTYPES)}")
        texts = header.get("__metadata__", {})
        if not all(isinstance(value, str) for value in texts.values()):
            raise ValueError("__metadata__ holds more than strings")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path}: its header is no header of a safetensors file: {error}") from None
    return dict(header)


def _check_layout(path: object, header: dict[str, Any], size: int) -> None:
    at, name = 0, "the header"
    for begin, end, name in sorted((*entry["data_offsets"], name) for name, entry in header.items()):
        if begin != at:
            raise CheckpointError(f"{path}: {name!r} begins at byte {begin} of the data, {at} is expected")
        at = end
    if at != size:
        raise CheckpointError(f"{path}: {size} bytes of data; its header says {at}. It is cut off or damaged")


def _array(path: object, name: str, entry: dict[str, Any], body: NumpyArray) -> NumpyArray:
    (begin, end), dtype, shape = entry["data_offsets"], DTYPES[entry["dtype"]], tuple(entry["shape"])
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise CheckpointError(
            f"{path}: {name!r} has {end - begin} bytes; shape {shape} of {dtype} has {math.prod(shape)} "
            "elements"
        )
    return body[begin:end].view(dtype).reshape(shape)


def save_checkpoint(
    save_obj: Any, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a cell's state, or tensors by name, as a safetensors file.

    Raises:
        CheckpointError: a dtype that the format has no name for (complex128); neither cell nor dictionary.
    """
    state = save_obj.state_dict() if hasattr(save_obj, "state_dict") else save_obj
    if not isinstance(state, Mapping):
        raise CheckpointError(f"save_checkpoint: {save_obj!r:.80} is neither a cell nor tensors by name")
    write(path, {name: np.asarray(value) for name, value in state.items()}, metadata)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, looking into the mapped file: for `cell.load_state_dict(…)`.

    Raises:
        CheckpointError: the file is damaged.
        OSError: it cannot be opened.
    """
    return {name: wrap(array) for name, array in read(path)[0].items()}
