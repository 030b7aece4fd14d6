"""What the emulator notices: mistakes planted in the product by warpgroups. A card would answer with wrong
numbers, by waiting for ever, or now and then only.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kernels.registry import Operator, operators
from kernels.toolchain import nvrtc
from tests.kernels.stand_ins import CAN_EMULATE, faults
from tests.kernels.trying import Trial, trials

pytestmark = [pytest.mark.skipif(not CAN_EMULATE, reason="needs g++ on x86-64"), pytest.mark.slow]
KERNEL, RING = "v3_wgmma.cu", "ring.cuh"
WRONG = "error is|not finite|NaN or infinity|beyond the block's"
MISTAKES = {
    "copies that are not fenced": (RING, "        fence_async();\n", "", "fence_async is missing"),
    "registers that are not fenced": (KERNEL, "        wgmma_fence();\n", "", "without wgmma_fence"),
    "sums that are read too early": (KERNEL, "    wgmma_wait<0>();\n", "", WRONG),
    "a panel given back too early": (KERNEL, "if (stage) ring.release(before)", "ring.release(slot)", WRONG),
    "a panel never given back": (KERNEL, "if (stage) ring.release(before);", "", "nobody can go on"),
    "registers that are not there": (KERNEL, "take_registers<224>", "take_registers<232>", "nobody gives"),
    "a copy not waited for": (RING, "copy_wait<Lag>()", "copy_wait<Lag + 1>()", WRONG),
    "pieces that are not crossed": (RING, "(number ^ line % 8)", "number", WRONG),
    "panels between borders": (RING, "& 1023)", "& 127)", WRONG),
    "lines at another distance": (KERNEL, "16, 8 * LINE)", "16, 16 * LINE)", WRONG),
    "distances the wrong way round": (KERNEL, "CHUNK, 8 * LINE)", "8 * LINE, CHUNK)", WRONG),
}


def trial() -> Trial:
    """More panels than the ring has, more than one tile; one operand lies deep, the other flat."""
    return next(each for each in trials(operators()["matmul"]) if "72x136x456 bf16_bf16" in str(each))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernels' sources, to be changed."""
    for file in (*nvrtc.INCLUDE.glob("*.cuh"), *operators()["matmul"].folder.glob("*.cu*")):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(nvrtc, "INCLUDE", tmp_path)
    monkeypatch.setattr(Operator, "folder", property(lambda _: tmp_path))
    return tmp_path


def found_in(trial: Trial) -> list[str]:
    """In either order of threads."""
    return [each for order in (False, True) for each in faults(trial, "v3_wgmma", descending=order)]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_noticed(mistake: str, copy: Path) -> None:
    file, right, wrong, words = MISTAKES[mistake]
    text = (copy / file).read_text()
    assert right in text
    (copy / file).write_text(text.replace(right, wrong, 1))
    found = "\n".join(found_in(trial()))
    assert re.search(words, found), found or "nothing was noticed"


def test_without_a_mistake_there_is_nothing_to_notice(copy: Path) -> None:
    assert found_in(trial()) == []
