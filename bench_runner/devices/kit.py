"""What a sandbox is given on a machine with a card: nodes, libraries and headers, all of it read-only.

Not in charge of the sandbox itself (`sandbox/`), nor of what is compiled with it (`tasks.cuda`).

A build needs no card: it gets NVIDIA's wheels (NVRTC, headers), ours for submissions and those of the library
of kernels. A guest gets the nodes of its one card, the driver's library where that lies outside /usr, and the
packages that Python submissions import. `/proc/driver/nvidia` comes with /proc.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import re
from pathlib import Path

import bench_runner.guest
from bench_runner.sandbox import Mount
from tasks import cuda

HEADERS, KERNELS, WHEELS = "/include/touchstone", "/include/kernels", "/cuda"
# What CuPy is made of, and what it needs; those that are there are shown.
PACKAGES = ("cupy", "cupy_backends", "cupyx", "cuda", "fastrlock", "ml_dtypes", "nvidia")
# Triton, where somebody has put it beside the worker: it drives a card through torch.
TRITON = (
    "triton", "torch", "torchgen", "functorch", "sympy", "mpmath", "networkx", "jinja2", "markupsafe",
    "filelock", "fsspec", "typing_extensions",
)  # fmt: skip
NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
CAPABILITIES = "nvidia-caps"  # folder of the nodes by which slices of a card are reached
DEV = Path("/dev")
DRIVER = "libcuda.so.1"
# Where the linker looks by itself: of the rest, such as /usr/local/nvidia/lib64, a guest must be told.
LINKED = re.compile(r"(/usr)?/lib(64|/[\w-]+-linux-gnu)?")


def build_mounts() -> list[Mount]:
    """For compiling CUDA C++."""
    mounts = [Mount(Path(bench_runner.guest.__file__).parent / "include", HEADERS)]
    if (kernels := _headers_of_kernels()) is not None:
        mounts.append(Mount(kernels, KERNELS))
    if (wheels := cuda.wheels()) is not None:
        mounts.append(Mount(Path(wheels), WHEELS))
    return mounts


def build_words(arch: str) -> list[str]:
    """What follows source and library on the command line of `cuda.py`."""
    return [arch, HEADERS, KERNELS]


BUILD_ENVIRONMENT = {cuda.WHEELS: WHEELS}


@functools.cache
def build_state() -> str:
    """Of all that a build's outcome depends on, apart from its own sources."""
    state = hashlib.sha256(cuda.version().encode())
    for mount in build_mounts()[:2]:
        for path in sorted(mount.source.rglob("*.*h")):
            state.update(path.read_bytes())
    return state.hexdigest()


def guest_mounts(minor: int) -> list[Mount]:
    """For a guest on the card whose node is `/dev/nvidia<minor>`."""
    nodes = [DEV / name for name in (f"nvidia{minor}", *NODES, CAPABILITIES)]
    mounts = [Mount(node, f"/dev/{node.name}", device=True) for node in nodes if node.exists()]
    library = driver_library()
    if library is not None and not library.is_relative_to("/usr"):
        mounts.append(Mount(library.parent, str(library.parent)))
    return mounts


def guest_environment(uuid: str) -> dict[str, str]:
    """Which card; where libraries lie outside of where the linker looks; what is compiled stays in /tmp."""
    environment = {
        **({"CUDA_VISIBLE_DEVICES": uuid} if uuid else {}),
        "CUPY_CACHE_DIR": "/tmp/cupy",  # noqa: S108 - inside the sandbox
        "KERNELS_CACHE": "/tmp/kernels",  # noqa: S108 - as above; what the worker built is found before it
        "CUDA_CACHE_DISABLE": "1",
        "TRITON_BACKENDS_IN_TREE": "1",  # a guest sees packages, not what is written beside them about them
    }
    folders = []
    library = driver_library()
    if library is not None:
        environment["TRITON_LIBCUDA_PATH"] = str(library.parent)  # else it would ask ldconfig
        if not LINKED.fullmatch(str(library.parent)):
            folders.append(str(library.parent))
    if (toolkit := _toolkit()) is not None:  # CuPy looks for wheels in site-packages, which a guest has not
        environment["CUDA_PATH"] = f"/runtime/nvidia/{toolkit}"
        folders.append(f"/runtime/nvidia/{toolkit}/lib")
    if folders:
        environment["LD_LIBRARY_PATH"] = ":".join(folders)
    return environment


def packages() -> list[Mount]:
    """Below /runtime, for Python submissions."""
    found = ((name, _place(name)) for name in (*PACKAGES, *(TRITON if has_triton() else ())))
    return [Mount(place, f"/runtime/{_file(name, place)}") for name, place in found if place is not None]


def has_triton() -> bool:
    """Whether submissions may be written in Triton here; found without importing it."""
    return all(importlib.util.find_spec(name) is not None for name in ("triton", "torch"))


def _place(name: str) -> Path | None:
    """The folder of a package, or the file of a module; found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ())
    return Path(places[0] if places else spec.origin or "")


def _file(name: str, place: Path) -> str:
    return name if place.is_dir() else place.name


@functools.cache
def driver_library() -> Path | None:
    """Where this process finds libcuda, or None without a driver."""
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return None
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = (line.split(maxsplit=5)[5] for line in lines if "/libcuda.so" in line)
    return next(map(Path, paths), None)


def _toolkit() -> str | None:
    """The folder of NVIDIA's wheels that holds the newest toolkit: `cu13`."""
    top = cuda.wheels()
    found = sorted(Path(top).glob("cu[0-9]*")) if top is not None else []
    return found[-1].name if found else None


def _headers_of_kernels() -> Path | None:
    spec = importlib.util.find_spec("kernels")  # finds it without importing it
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / "include" / "cuda" if places else None
    return folder if folder is not None and folder.is_dir() else None
