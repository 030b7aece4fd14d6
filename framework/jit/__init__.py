"""Compiling functions: trace, optimise, fuse, plan memory, emit C, run. `framework/README.md` has the
story."""

from framework.jit.api import Jit, jit
from framework.jit.lowered import Lowered

__all__ = ["Jit", "Lowered", "jit"]
