"""What only a card needs: signs of life, work left behind, memory taken, inputs that arrive with "go"."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_runner import calibration
from bench_runner.devices import card as cards
from bench_runner.devices import cuda, driver, opening
from bench_runner.devices.calibration import SOURCE, units_of
from bench_runner.devices.card import SLOWED, Card
from bench_runner.errors import CardUnhealthy, InfrastructureFault
from bench_runner.failure import Failed
from tasks import cuda as compiler
from tests.bench_runner.devices import stand_in
from tests.bench_runner.devices.test_contract import RIGHT, Bench, needs_nvrtc, numbers, shapes
from tests.bench_runner.test_channel import SECOND

LIBCUDA = "import ctypes\ncuda = ctypes.CDLL('libcuda.so.1')\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    if compiler.nvrtc() is None:
        pytest.skip(f"needs NVRTC: {compiler.CURE}")
    with ExitStack() as stack:
        made = Bench("stand-in", tmp_path, stack)
        stack.callback(made.close)
        yield made


@pytest.mark.slow
def test_work_left_on_the_card_after_the_answer_is_suspicious(bench: Bench) -> None:
    channel = bench.ready(f"{LIBCUDA}{RIGHT}    cuda.standin_busy(1)\n")
    with pytest.raises(Failed, match="left_running") as caught:
        channel.call(numbers(), SECOND)
    assert caught.value.outcome.value == "suspicious"


@pytest.mark.slow
def test_work_that_begins_later_is_noticed_before_inputs_are_written(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    channel.call(numbers(), SECOND)
    bench.driver.state.busy_pid = 1  # a guest's, that waited on the card for something
    with pytest.raises(Failed, match="left_running"):
        channel._memory.fill(0, numbers(), "here")


@pytest.mark.slow
def test_memory_of_the_card_is_counted_against_the_side_that_took_it(bench: Bench) -> None:
    modest, greedy = bench.channel(), bench.channel()
    bench.start(f"{LIBCUDA}cuda.standin_take(ctypes.c_uint64(1 << 30))\n{RIGHT}", modest)
    with pytest.raises(Failed, match="device_memory_limit") as caught:
        bench.start(f"{LIBCUDA}cuda.standin_take(ctypes.c_uint64(7 << 29))\n{RIGHT}", greedy)
    assert caught.value.reason_args["megabytes"] == 1024
    modest.bind([1000], shapes(1000))
    modest.call(numbers(), SECOND)


@pytest.mark.slow
def test_a_fault_on_the_card_is_the_submissions_own_and_harms_nobody_else(bench: Bench) -> None:
    channel, other = bench.ready(f"{LIBCUDA}{RIGHT}    cuda.standin_fault()\n"), bench.ready(RIGHT)
    with pytest.raises(Failed, match="raised"):
        channel.call(numbers(), SECOND)
    device: Any = bench.device
    device.examine()
    inputs = numbers()
    np.testing.assert_array_equal(other.call(inputs, SECOND)[1]["y"], 2 * inputs["x"])


@pytest.mark.slow
def test_replaced_calls_of_the_driver_buy_nothing(bench: Bench) -> None:
    """The guest's own waiting is gone; the window closes with our copy all the same."""
    replace = (
        "import gc\nfor each in gc.get_objects():\n    if getattr(each, '__name__', '') == 'Card':\n"
        "        each.check = lambda *_: None\n"
    )
    channel, copies = bench.ready(f"{replace}{RIGHT}"), bench.driver.state.copies
    inputs = numbers()
    seconds, outputs = channel.call(inputs, SECOND)
    np.testing.assert_array_equal(outputs["y"], 2 * inputs["x"])
    assert seconds > 0
    assert bench.driver.state.copies > copies


@pytest.mark.slow
def test_the_answer_lies_in_no_memory_that_a_guest_could_reach(bench: Bench) -> None:
    channel = bench.ready("def f(x, h, y, z):\n    pass\n")
    inputs, memory = numbers(), channel._memory
    channel.call(inputs, SECOND)
    answer = (2 * inputs["x"])[:16].tobytes()
    for fd, size in zip(memory.fds, memory.sizes, strict=True):
        assert answer not in os.pread(fd, size, 0)


def test_what_is_compared_is_on_the_host_where_no_kernel_reaches(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    inputs, memory = numbers(), channel._memory
    _, outputs = channel.call(inputs, SECOND)
    for fd, size in zip(memory.fds, memory.sizes, strict=True):
        os.pwrite(fd, bytes(size), 0)
    np.testing.assert_array_equal(outputs["y"], 2 * inputs["x"])


@pytest.mark.slow
def test_some_elements_of_each_input_are_wrong_until_the_clock_runs(bench: Bench) -> None:
    channel, seen = bench.ready(RIGHT), []
    memory: Any = channel._memory
    inputs, begin = numbers(), memory.begin

    def inputs_as_they_lie() -> np.ndarray[Any, Any]:
        span = next(span for span in memory._call["input"] if span.tensor.name == "x")
        found = np.empty(span.size, np.uint8)
        memory._context.read(found, memory._inputs.address + span.start)
        return found.view(np.float32)

    def looking() -> int:
        seen.append(inputs_as_they_lie())
        at = begin()
        seen.append(inputs_as_they_lie())
        return int(at)

    memory.begin = looking
    channel.call(inputs, SECOND)
    before, after = seen
    assert 1 <= (before != inputs["x"]).sum() <= cuda.LATE
    np.testing.assert_array_equal(after, inputs["x"])


@pytest.mark.slow
def test_the_window_closes_only_when_the_copy_has_ended(bench: Bench) -> None:
    channel = bench.ready(RIGHT)
    copies = bench.driver.state.copies
    channel.call(numbers(), SECOND)
    assert bench.driver.state.copies > copies
    assert 0 < channel.snapshot_cost() < 1


@needs_nvrtc
@pytest.mark.parametrize(("trouble", "words"), [("wrong", "wrong numbers"), ("broken", "ILLEGAL_ADDRESS")])
def test_a_card_that_does_not_compute_as_every_card_does_is_taken_out_of_service(
    trouble: str, words: str
) -> None:
    with stand_in.card() as (found, device):
        setattr(found.state, trouble, 1)
        with pytest.raises(CardUnhealthy, match=words):
            device.examine()
        assert words in opening.trouble(stand_in.CARD)
        setattr(found.state, trouble, 0)
        assert opening.trouble(stand_in.CARD) == ""


@needs_nvrtc
def test_a_card_whose_memory_cannot_be_handed_on_by_descriptor_is_refused() -> None:
    with stand_in.card() as (found, _):
        found.state.cannot_share = 1
        assert "no memory that is handed on as a file descriptor" in opening.trouble(stand_in.CARD)
        found.state.cannot_share = 0


@needs_nvrtc
def test_a_failure_on_a_sound_card_is_ours_and_passes(bench: Bench) -> None:
    memory: Any = bench.channel()._memory
    good, memory._inputs = memory._inputs, driver.SharedMemory(4096, 4096, 0, 0)
    with pytest.raises(InfrastructureFault, match="INVALID_VALUE") as caught:
        memory.renew()
    assert not isinstance(caught.value, CardUnhealthy)
    assert bench.driver.said == "memset leaves its memory"
    os.close(good.fd)
    memory._inputs = driver.SharedMemory(4096, 4096, 0, os.open("/dev/null", os.O_RDONLY))


@needs_nvrtc
def test_an_error_that_the_card_reports_of_itself_ends_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in.card() as (_, device):
        monkeypatch.setattr(device._xids, "seen", lambda: [13, 79])
        with pytest.raises(CardUnhealthy, match="Xid 79"):
            device.examine()
        monkeypatch.setattr(device._xids, "seen", lambda: [13, 31, 43])  # a program's own faults
        device.examine()


@needs_nvrtc
def test_a_card_that_never_answers_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PATIENCE_SECONDS", 0.02)
    with stand_in.card() as (_, device):
        library = device.context._library
        never = SimpleNamespace(
            cuStreamQuery=lambda stream: driver.NOT_READY, cuGetErrorName=library.cuGetErrorName
        )
        monkeypatch.setattr(device.context, "_library", never)
        with pytest.raises(driver.NoAnswer):
            device.context.wait()
        monkeypatch.undo()


@pytest.mark.slow
@needs_nvrtc
@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
def test_all_kernels_of_ours_compile(arch: str) -> None:
    capability = {"sm_80": (8, 0), "sm_90a": (9, 0)}[arch]
    known = Card(0, 0, "", "NVIDIA H100 80GB HBM3", 0, capability, "")
    assert known.arch == arch
    assert all(name.encode() in cuda.kernels(arch) for name in cuda.KERNELS)
    found = compiler.compile_cubin(str(SOURCE), arch)
    assert all(unit.kernel.encode() in found for unit in units_of(known))


@pytest.mark.parametrize(
    ("name", "hardware_class"),
    [
        ("NVIDIA H100 80GB HBM3", "gpu-h100"),
        ("NVIDIA H100 PCIe", "gpu-h100-pcie"),
        ("NVIDIA A100-SXM4-80GB", "gpu-a100"),
        ("NVIDIA GeForce RTX 4090", "gpu-rtx-4090"),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", "gpu-h100-mig-1g.10gb"),
    ],
)
def test_the_class_of_a_card_is_its_name_without_what_says_nothing(name: str, hardware_class: str) -> None:
    assert Card(0, 0, "", name, 0, (9, 0), "").hardware_class == hardware_class


class Library:
    """NVML of a machine with one card: every reading is answered, but for the power, which is hidden."""

    throttle = 0x20 | 0x04

    def __getattr__(self, name: str) -> Any:
        def answer(*arguments: Any) -> int:
            given = {
                "nvmlDeviceGetCount_v2": 1,
                "nvmlDeviceGetMinorNumber": 3,
                "nvmlDeviceGetClockInfo": 1755,
            }
            given["nvmlDeviceGetCurrentClocksThrottleReasons"] = self.throttle
            texts = {
                "nvmlDeviceGetName": b"NVIDIA H100 80GB HBM3", "nvmlDeviceGetUUID": b"GPU-1",
                "nvmlSystemGetDriverVersion": b"580.65",
            }  # fmt: skip
            if name in texts:
                arguments[-2].value = texts[name]
            elif name == "nvmlDeviceGetCudaComputeCapability":
                arguments[1]._obj.value, arguments[2]._obj.value = 9, 0
            elif name == "nvmlDeviceGetMemoryInfo":
                arguments[-1]._obj.total = 80 << 30
            elif name in ("nvmlDeviceGetPowerUsage", "nvmlDeviceGetEnforcedPowerLimit"):
                return 3  # not supported
            elif name in given:
                arguments[-1]._obj.value = given[name]
            return 0

        return answer


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    library = Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda name, **_: library)
    cards.nvml.cache_clear()
    yield library
    cards.nvml.cache_clear()


def test_cards_are_read_and_what_they_hide_is_left_out(nvml: Library) -> None:
    (found,) = cards.cards()
    assert (found.minor, found.uuid, found.capability, found.driver) == (3, "GPU-1", (9, 0), "580.65")
    assert (found.hardware_class, found.arch, found.memory_bytes) == ("gpu-h100", "sm_90a", 80 << 30)
    told = cards.conditions(found)
    assert (told["sm_mhz"], told["slowed_by"]) == (1755, SLOWED[0x20])
    assert "watts" not in told
    nvml.throttle = 0x04  # at its power limit: so is every card at work
    assert cards.slowed(found) == []


def test_without_a_driver_there_are_no_cards_and_each_lack_has_its_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(name: str, **_: object) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", none)
    cards.nvml.cache_clear()
    cards.kit.driver_library.cache_clear()
    try:
        assert cards.cards() == []
        lacking = {finding.name: finding.cure for finding in cards.missing() if not finding.ok}
        assert "nvidia-driver" in lacking["driver"]
        assert "modprobe" in lacking["NVML"]
    finally:
        cards.nvml.cache_clear()
        cards.kit.driver_library.cache_clear()


def test_a_calibration_of_a_card_is_kept_by_its_class_and_taken_up_again(tmp_path: Path) -> None:
    peaks = (calibration.Peak("mma", "bf16", 3e14), calibration.Peak("cores", "f32", 2e13))
    levels = (
        calibration.Level("L2", 40 << 20, 4e12, 5e12),
        calibration.Level("memory", 1 << 30, 1.4e12, 1.5e12),
    )
    found = calibration.Calibration("NVIDIA A100", peaks, levels, 0.0)
    store = calibration.store_of(tmp_path, "gpu-a100")
    calibration.keep(found, store)
    assert calibration.load(store, "NVIDIA A100", None) == found
    assert calibration.load(store, "NVIDIA H100", None) is None
    assert (found.peak("bfloat16"), found.peak("float32")) == (3e14, 2e13)
