"""A worker finds its card by itself; the doctor says what a card lacks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench_runner import cards, doctor
from bench_runner.devices import opening
from bench_runner.devices.card import Card
from bench_runner.devices.card import Finding as Lack
from bench_runner.errors import ConfigError, InfrastructureFault

H100 = Card(0, 0, "GPU-00000000-aaaa", "NVIDIA H100 80GB HBM3", 80 << 30, (9, 0), "580.1")
A100 = Card(1, 1, "GPU-11111111-bbbb", "NVIDIA A100-SXM4-80GB", 80 << 30, (8, 0), "580.1")
LACKS = [
    Lack("driver", True, "/usr/lib/libcuda.so.1", "install it"),
    Lack("device nodes", False, "missing or closed: /dev/nvidia-uvm", "run `nvidia-modprobe -u -c 0`"),
    Lack("CUDA compiler", False, "none", "run `pip install -e '.[gpu]'`"),
]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Card]]:
    """A machine with these two cards, whose locks lie in folders of the test."""
    found = [H100, A100]
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(cards, "cards", lambda: found)
    monkeypatch.setattr(cards, "run_folder", lambda: tmp_path / "run")
    monkeypatch.setattr(cards, "LOCKS", [])
    yield found
    for lock in cards.LOCKS:
        os.close(lock)


@pytest.fixture
def take(box: list[Card], tmp_path: Path) -> Callable[..., Card | None]:
    return lambda wanted="", folder=tmp_path: cards.take(wanted, folder)


def test_each_worker_takes_a_card_that_no_other_has(take: Callable[..., Card | None]) -> None:
    assert take() == H100
    assert take() == A100
    with pytest.raises(ConfigError, match=r"other workers here have every card: .*WORKER_CARD=none"):
        take()


def test_a_worker_takes_the_card_that_it_is_told(take: Callable[..., Card | None]) -> None:
    assert take("1") == A100
    assert take(H100.uuid) == H100
    with pytest.raises(ConfigError, match="WORKER_CARD='0': other workers here have it"):
        take("0")


def test_containers_that_share_a_folder_share_the_cards_as_well(
    take: Callable[..., Card | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert take() == H100
    (tmp_path / "another").mkdir()
    monkeypatch.setattr(cards, "run_folder", lambda: tmp_path / "another")
    assert take() == A100


def test_a_card_that_is_not_there_is_named_beside_those_that_are(take: Callable[..., Card | None]) -> None:
    with pytest.raises(
        ConfigError, match=r"'7': no such card; there are: 0 \(NVIDIA H100 80GB HBM3, GPU-0000"
    ):
        take("7")


def test_without_a_card_or_when_told_so_a_worker_is_one_for_processors(
    take: Callable[..., Card | None], box: list[Card]
) -> None:
    assert take("none") is None
    box.clear()
    assert take() is None
    assert cards.LOCKS == []


def test_kernels_that_cannot_be_built_keep_a_worker_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "python"
    said.write_text("#!/bin/sh\necho 'no room' >&2\nexit 1\n")
    said.chmod(0o755)
    monkeypatch.setattr(cards.sys, "executable", str(said))
    with pytest.raises(InfrastructureFault, match="cannot be built for sm_90a: no room"):
        cards.build_kernels(H100)


def test_a_card_that_cannot_be_calibrated_keeps_a_worker_from_starting(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureFault, match="H100 80GB HBM3 cannot be calibrated: no card GPU-0000"):
        cards.calibrate_apart(H100, tmp_path)  # in a process of its own, which finds no such card


def test_what_keeps_a_card_from_work_is_told_by_its_name(
    box: list[Card], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "trouble", lambda card: "")
    assert cards.trouble(H100.uuid) is None
    assert cards.trouble("GPU-7") == "no card GPU-7 any more"
    monkeypatch.setattr(opening, "trouble", lambda card: f"{card.name}: Xid 79")
    assert cards.trouble(A100.uuid) == f"{A100.name}: Xid 79"


def test_the_doctor_names_every_card_its_class_and_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.devices, "cards", lambda: [H100])
    monkeypatch.setattr(doctor.devices, "missing", lambda card=None: LACKS)
    found = list(doctor._cards())
    assert found[0].words == "0: NVIDIA H100 80GB HBM3, 80 GiB, driver 580.1: gpu-h100"
    assert [(each.name, each.cure) for each in found if not each.ok] == [
        ("device nodes", "run `nvidia-modprobe -u -c 0`"),
        ("CUDA compiler", "run `pip install -e '.[gpu]'`"),
    ]
    assert not doctor.faults(found), "a worker for processors starts all the same"
    assert [each.name for each in doctor.faults(list(doctor._of_card(H100)))] == [
        "device nodes",
        "CUDA compiler",
    ]


def test_a_card_that_no_driver_shows_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.devices, "cards", lambda: [])
    monkeypatch.setattr(doctor.devices, "missing", lambda card=None: LACKS)
    monkeypatch.setattr(doctor, "_on_the_bus", lambda: "0000:17:00.0")
    [finding] = doctor._cards()
    assert (finding.ok, finding.words) == (False, "0000:17:00.0 on the bus, but no driver shows it")
    assert finding.cure.startswith("run `nvidia-modprobe")


def test_where_there_is_no_card_none_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.devices, "cards", lambda: [])
    monkeypatch.setattr(doctor, "_on_the_bus", lambda: "")
    [finding] = doctor._cards()
    assert finding.ok
