"""DLPack of bfloat16, which NumPy knows nothing of: as uint16, whose dtype is renamed in the capsule.

A capsule holds a DLManagedTensor that was made for it alone: a DLTensor (with a version and flags before it
in the versioned form), whose dtype is a byte for the kind, one for the bits, and the lanes. Source: dlpack.h.
"""

from __future__ import annotations

import ctypes
from typing import Any

from framework.core import backend, dtypes
from framework.core.backend import Array
from framework.errors import DTypeError

UINT, BFLOAT = 1, 4  # DLDataTypeCode
_FORMS = {b"dltensor": 0, b"dltensor_versioned": 32}  # a capsule's name, and where the DLTensor begins
_CODE = 20  # where its dtype's kind is: behind a pointer, the device (two int32) and the number of dimensions

_api = ctypes.pythonapi
_api.PyCapsule_GetName.restype, _api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _renamed(capsule: Any, old: int, new: int) -> bool:
    """Is the capsule's dtype of this kind? It has the other one then."""
    name = _api.PyCapsule_GetName(capsule)
    code = ctypes.c_uint8.from_address(_api.PyCapsule_GetPointer(capsule, name) + _FORMS[name] + _CODE)
    found = code.value == old
    code.value = new if found else code.value
    return found


def exported(array: Array, **kwargs: Any) -> Any:
    """What `__dlpack__` gives of an array."""
    if array.dtype != dtypes.bfloat16:
        return array.__dlpack__(**kwargs)
    capsule = array.view(backend.xp.uint16).__dlpack__(**kwargs)
    _renamed(capsule, UINT, BFLOAT)
    return capsule


class _Renamed:
    """An exporter whose bfloat16 is called uint16."""

    def __init__(self, x: Any) -> None:
        self.x, self.bfloat16 = x, False

    def __dlpack__(self, **kwargs: Any) -> Any:
        capsule = self.x.__dlpack__(**kwargs)
        self.bfloat16 = _renamed(capsule, BFLOAT, UINT)
        return capsule

    def __dlpack_device__(self) -> Any:
        return self.x.__dlpack_device__()


def imported(x: Any) -> Array:
    """An array of any exporter's memory; DTypeError for what exports none."""
    if not hasattr(x, "__dlpack__"):
        raise DTypeError(f"from_dlpack: {x!r:.80} ({type(x).__name__}) has no __dlpack__: use asarray")
    renamed = _Renamed(x)
    array = backend.xp.from_dlpack(renamed)
    return array.view(dtypes.bfloat16) if renamed.bfloat16 else array
