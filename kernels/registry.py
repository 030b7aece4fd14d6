"""Operators and their versions, and which version serves a call.

Not in charge of making the call (`call.py`) nor of compiling (`toolchain/`).

Every version stays selectable by name: `kernels.softmax(x, version="v1_naive")`. Versions stand in an
operator's list from the plainest to the best; the last one that fits is taken. The oracle is a version too:
it serves where there is no compiler.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from kernels.catalog import FUNCTIONS
from kernels.schema import Dims, Schema, Work
from kernels.toolchain import isa

if TYPE_CHECKING:
    from kernels.plan import Plan

ORACLE = "oracle"
PACKAGE = Path(__file__).parent

Fits = Callable[[Mapping[str, int]], bool]


class Version:
    """A version of an operator; `Cpu` and `Cuda` say the rest."""

    name: str
    file: str
    dtypes: tuple[str, ...] | None
    fits: Fits | None
    device: str


@dataclass(frozen=True)
class Cpu(Version):
    """A version in C or C++.

    Attributes:
        name: `v2_online`, the file's stem.
        file: in the operator's folder; several operators may share one.
        levels: instruction-set levels it is compiled for; the best that the machine has is taken.
        dtypes: of the operator's dtype combinations (`f32`, `f32_i64`), those it serves; None for all.
        fits: for which dimensions it may be chosen; None for all.
    """

    name: str
    file: str
    levels: tuple[str, ...] = (isa.BASELINE,)
    dtypes: tuple[str, ...] | None = None
    fits: Fits | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Step:
    """One launch of a CUDA kernel. Every step of a version gets the same arguments.

    Attributes:
        suffix: added to the symbol of the version: `_combine`.
        grid, block: as CUDA means them.
        shared: bytes of dynamic shared memory.
    """

    suffix: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    shared: int = 0


@dataclass(frozen=True)
class Launch:
    """How a CUDA version runs for given dimensions: its steps, and the scratch bytes they share."""

    steps: tuple[Step, ...]
    scratch: int = 0


@dataclass(frozen=True)
class Cuda(Version):
    """A version in CUDA C++.

    Attributes:
        plan: from dimensions (attributes included) and the dtypes' name to the launches.
        archs: compute capabilities it is compiled for.
        registers: what no kernel of it may exceed per thread.
        by_name: it is never chosen unless it is asked for: it computes something coarser than the others.
    """

    name: str
    file: str
    plan: Callable[[Mapping[str, int | float], str], Launch]
    archs: tuple[str, ...] = ("sm_80", "sm_90a", "sm_120a")
    registers: int = 128
    dtypes: tuple[str, ...] | None = None
    fits: Fits | None = None
    by_name: bool = False
    device: str = "cuda"


class Operator:
    """A schema, the work it takes, and its versions from the plainest to the best."""

    def __init__(self, schema: Schema, work: Work, module: str, versions: Sequence[Version]) -> None:
        self.schema = schema
        self.work = work
        self.module = module  # of the operator's folder: kernels.ops.<folder>
        self.versions = cast("tuple[Cpu | Cuda, ...]", tuple(versions))
        self.plans: dict[Any, Plan] = {}  # by the layout of a call

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def folder(self) -> Path:
        return PACKAGE.joinpath(*self.module.split(".")[1:])

    @functools.cached_property
    def oracle(self) -> Callable[..., object]:
        """NumPy code that computes in the dtype of what it is given: in float64 it is the truth.

        It takes the inputs (None for one that is absent) and the attributes, in the schema's order, and
        returns the outputs: one, or a tuple of them. Inputs marked `update` it writes to.
        """
        found: Callable[..., object] = getattr(importlib.import_module(f"{self.module}.oracle"), self.name)
        return found

    def candidates(self, device: str, dtypes: str, dims: Dims) -> list[Cpu | Cuda]:
        """The versions that serve such a call on this kind of device, the best last."""
        return [
            version
            for version in self.versions
            if version.device == device
            and (version.dtypes is None or dtypes in version.dtypes)
            and (version.fits is None or version.fits(dims))
        ]

    def symbol(self, version: Cpu | Cuda, dtypes: str) -> str:
        """`softmax_v2_online_f32`"""
        return "_".join(part for part in (self.name, version.name, dtypes) if part)


def folders() -> list[ModuleType]:
    """The modules of all operators' folders."""
    return [importlib.import_module(f"kernels.ops.{name}") for name in dict.fromkeys(FUNCTIONS.values())]


def operators() -> dict[str, Operator]:
    """Every operator by name."""
    return {operator.name: operator for module in folders() for operator in module.OPERATORS}
