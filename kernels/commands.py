"""What `python -m kernels list` and `build` do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from kernels import compiled
from kernels.errors import BadArgument, BuildFailed
from kernels.registry import Cpu, Cuda, folders, operators
from kernels.toolchain import cc, isa, nvrtc

Job = tuple[str, Callable[[], Path]]  # what is compiled, and what does it


def show(names: list[str]) -> int:
    """Print operators and their versions, the best last."""
    known = operators()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadArgument(f"no operator {', '.join(unknown)}; there are: {', '.join(known)}")
    why = isa.missing()
    print(f"level {isa.chosen()} of {', '.join(isa.available())}{f' ({why})' if why else ''}")
    for name in names or known:
        operator = known[name]
        print(f"{name}: {', '.join('/'.join(kinds) for kinds in operator.schema.dtypes.values())}")
        for version in operator.versions:
            where = ", ".join(version.levels if isinstance(version, Cpu) else version.archs)
            print(f"    {version.name:24} {version.device:4} {where}")
    return 0


def build(levels: list[str] | None, *, in_package: bool) -> int:
    """Compile everything: a library per operator folder and level, a cubin per CUDA source and card."""
    unknown = [level for level in levels or () if level not in isa.LEVELS]
    if unknown:
        raise BadArgument(f"no level {', '.join(unknown)}; there are: {', '.join(isa.LEVELS)}")
    folder = cc.BUILT if in_package else None
    try:
        if folder:
            folder.mkdir(exist_ok=True)
    except OSError as refused:
        raise BuildFailed(f"{cc.BUILT} cannot be made: {refused}") from refused
    work = [*_libraries(levels or isa.LEVELS, folder), *_cubins(folder)]
    for i, (what, make) in enumerate(work, 1):
        start = time.perf_counter()
        path = make()
        print(f"{i}/{len(work)} {what}: {path.name} {time.perf_counter() - start:.1f} s", flush=True)
    if not nvrtc.available():
        print("NVRTC is not installed, so nothing was compiled for CUDA")
    print(f"in {folder or cc.cache()}")
    return 0


def _libraries(levels: Iterable[str], folder: Path | None) -> Iterator[Job]:
    for level in levels:
        for module in folders():
            name = module.__name__
            yield f"{name.rpartition('.')[2]} {level}", partial(compiled.build, name, level, folder)


def _cubins(folder: Path | None) -> Iterator[Job]:
    if not nvrtc.available():
        return
    found = {
        (operator.folder / version.file, arch): None
        for operator in operators().values()
        for version in operator.versions
        if isinstance(version, Cuda)
        for arch in version.archs
    }
    for source, arch in found:
        yield f"{source.parent.name}/{source.name} {arch}", partial(_cubin, source, arch, folder)


def _cubin(source: Path, arch: str, folder: Path | None) -> Path:
    return nvrtc.compile_source(source, arch, folder=folder).path
