"""What `python -m kernels` does."""

from __future__ import annotations

import time

from kernels import compiled
from kernels.errors import BadArgument
from kernels.registry import Cpu, folders, operators
from kernels.toolchain import cc, isa


def show(names: list[str]) -> int:
    """Print operators and their versions, the best last."""
    known = operators()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadArgument(f"no operator {', '.join(unknown)}; there are: {', '.join(known)}")
    print(f"level {isa.chosen()} of {', '.join(isa.available())}")
    for name in names or known:
        operator = known[name]
        print(f"{name}: {', '.join('/'.join(kinds) for kinds in operator.schema.dtypes.values())}")
        for version in operator.versions:
            where = ", ".join(version.levels if isinstance(version, Cpu) else version.archs)
            print(f"    {version.name:24} {version.device:4} {where}")
    return 0


def build(levels: list[str] | None, *, in_package: bool) -> int:
    """Compile everything, one library per operator folder and level."""
    unknown = [level for level in levels or () if level not in isa.LEVELS]
    if unknown:
        raise BadArgument(f"no level {', '.join(unknown)}; there are: {', '.join(isa.LEVELS)}")
    folder = cc.BUILT if in_package else None
    if folder:
        folder.mkdir(exist_ok=True)
    modules = folders()
    for level in levels or isa.LEVELS:
        for i, module in enumerate(modules, 1):
            start = time.perf_counter()
            path = compiled.build(module.__name__, level, folder)
            print(f"{level} {i}/{len(modules)}: {path} {time.perf_counter() - start:.1f} s", flush=True)
    return 0
