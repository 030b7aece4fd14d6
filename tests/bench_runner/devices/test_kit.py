"""What a sandbox is given on a machine with a card."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from bench_runner.devices import kit
from bench_runner.sandbox import Mount
from bench_runner.sandbox.command import Descriptors, bubblewrap


def test_a_guest_sees_the_nodes_of_its_own_card_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset"):
        (tmp_path / name).touch()
    monkeypatch.setattr(kit, "DEV", tmp_path)
    monkeypatch.setattr(kit, "driver_library", lambda: Path("/opt/driver/libcuda.so.1"))
    mounts = kit.guest_mounts(1)
    nodes = [mount.source.name for mount in mounts if mount.device]
    assert nodes == ["nvidia1", "nvidiactl", "nvidia-uvm"]
    assert Mount(Path("/opt/driver"), "/opt/driver") in mounts
    environment = kit.guest_environment("GPU-7")
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert environment["LD_LIBRARY_PATH"].startswith("/opt/driver")
    assert environment["TRITON_LIBCUDA_PATH"] == "/opt/driver"


@pytest.mark.parametrize(
    ("folder", "told", "mounted"),
    [
        ("/usr/lib/x86_64-linux-gnu", False, False),
        ("/usr/lib64", False, False),
        ("/usr/local/nvidia/lib64", True, False),  # /usr is shown whole
        ("/opt/driver", True, True),
    ],
)
def test_a_guest_is_told_where_the_driver_lies_unless_the_linker_knows(
    folder: str, told: bool, mounted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "driver_library", lambda: Path(folder, "libcuda.so.580.65"))
    told_folders = kit.guest_environment("GPU-7").get("LD_LIBRARY_PATH", "").split(":")
    assert (folder in told_folders) is told
    assert (folder in {mount.target for mount in kit.guest_mounts(0)}) is mounted


def test_a_node_is_usable_inside_and_everything_else_read_only() -> None:
    mounts = [Mount(Path("/dev/nvidia0"), "/dev/nvidia0", device=True), Mount(Path("/kit"), "/guest")]
    words = bubblewrap(["true"], mounts=mounts, output=(), fds=Descriptors(3, 4), environment={})
    line = " ".join(words)
    assert "--dev-bind /dev/nvidia0 /dev/nvidia0" in line
    assert "--ro-bind /kit /guest" in line
    assert line.index("--dev /dev") < line.index("--dev-bind") < line.index("--remount-ro /dev ")


def test_triton_comes_with_what_it_runs_on_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typing_extensions.py").touch()

    def found(name: str) -> ModuleSpec | None:
        spec = ModuleSpec(
            name, None, origin=str(tmp_path / f"{name}.py"), is_package=name in ("triton", "torch")
        )
        if spec.submodule_search_locations is not None:
            (tmp_path / name).mkdir(exist_ok=True)
            spec.submodule_search_locations.append(str(tmp_path / name))
        return spec if name in {"triton", "torch", "typing_extensions"} - missing else None

    missing: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", found)
    targets = {mount.target for mount in kit.packages()}
    assert targets == {"/runtime/triton", "/runtime/torch", "/runtime/typing_extensions.py"}
    missing.add("triton")
    assert kit.packages() == []


def test_cuda_code_may_include_our_headers_and_those_of_the_kernels() -> None:
    targets = {mount.target: mount.source for mount in kit.build_mounts()}
    assert (targets[kit.HEADERS] / "touchstone.h").is_file()
    assert (targets[kit.KERNELS] / "kernel.cuh").is_file()
    assert kit.build_words("sm_80") == ["sm_80", kit.HEADERS, kit.KERNELS]
