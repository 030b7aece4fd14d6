"""What `python -m kernels list` and `build` do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from kernels import compiled
from kernels.errors import BadArgument, BuildFailed
from kernels.registry import Cpu, Cuda, folders, operators
from kernels.toolchain import cc, isa, launch, nvrtc

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


def build(levels: list[str] | None, *, in_package: bool, card: str | None = None) -> int:
    """Compile everything: a library per operator folder and level, a cubin per CUDA source and card.

    `card`, an architecture such as sm_90a: only the cubins that such a card runs.
    """
    unknown = [level for level in levels or () if level not in isa.LEVELS]
    if unknown:
        raise BadArgument(f"no level {', '.join(unknown)}; there are: {', '.join(isa.LEVELS)}")
    folder = cc.BUILT if in_package else None
    try:
        if folder:
            folder.mkdir(exist_ok=True)
    except OSError as refused:
        raise BuildFailed(f"{cc.BUILT} cannot be made: {refused}") from refused
    capability = _capability(card) if card else None
    work = [] if card else list(_libraries(levels or isa.LEVELS, folder))
    work += _cubins(folder, capability)
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


def _capability(arch: str) -> tuple[int, int]:
    found = re.fullmatch(r"sm_(\d+)(\d)a?", arch)
    if found is None:
        raise BadArgument(f"{arch!r} is no architecture of a card; sm_80, sm_90a or the like is needed")
    return int(found[1]), int(found[2])


def _cubins(folder: Path | None, capability: tuple[int, int] | None) -> Iterator[Job]:
    if not nvrtc.available():
        return
    found = {
        (operator.folder / version.file, arch): None
        for operator in operators().values()
        for version in operator.versions
        if isinstance(version, Cuda)
        for arch in _archs(version, capability)
    }
    for source, arch in found:
        yield f"{source.parent.name}/{source.name} {arch}", partial(_cubin, source, arch, folder)


def _archs(version: Cuda, capability: tuple[int, int] | None) -> tuple[str, ...]:
    """Of all cards, or the one that the launcher would take for such a card."""
    if capability is None:
        return tuple(version.archs)
    best = launch.arch_for(version.archs, capability)
    return (best,) if best else ()


def _cubin(source: Path, arch: str, folder: Path | None) -> Path:
    return nvrtc.compile_source(source, arch, folder=folder).path
