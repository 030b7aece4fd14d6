"""Operators of the user's own: from a shared library, from C, C++ or CUDA source, from a Python function."""

from framework.custom.library import allow_folder
from framework.custom.operator import Custom
from framework.custom.registration import CustomRegOp

__all__ = ["Custom", "CustomRegOp", "allow_folder"]
