"""Rows of a benchmark as people read them."""

from __future__ import annotations

from typing import Any

from kernels.bench import report


def _row(operator: str, ours: float, theirs: float, *, threads: int = 1) -> dict[str, Any]:
    ratio = theirs / ours
    return {
        "operator": operator,
        "case": "4x4",
        "dtypes": "f32",
        "threads": threads,
        "seconds": {"ours": ours, "numpy": 10 * theirs, "torch": theirs},
        "ratios": {
            name: [k * ratio, 0.99 * k * ratio, 1.01 * k * ratio] for name, k in (("numpy", 10), ("torch", 1))
        },
        "limit_seconds": ours / 2,
        "notes": {},
    }


def test_the_best_peer_is_the_quickest_of_them():
    assert report.best_peer(_row("softmax", 1e-3, 2e-3)) == ("torch", [2.0, 1.98, 2.02])


def test_a_line_says_time_share_of_the_limit_and_every_peer():
    assert report.line(_row("softmax", 1e-3, 2e-3)) == (
        "softmax 4x4 f32: 1 ms, 50 % of the limit; numpy 20 ms (20.00x), torch 2 ms (2.00x)"
    )


def test_the_summary_counts_operators_by_their_worst_case_in_one_thread_and_names_those_behind():
    rows = [
        _row("softmax", 1e-3, 2e-3),
        _row("softmax", 1e-3, 0.9e-3, threads=2),
        _row("matmul", 1e-3, 2e-3),
        _row("matmul", 1e-3, 0.7e-3),
    ]
    one, two = "\n".join(report.summary(rows, ["softmax", "matmul"])).split("\n\n")
    first, far, behind, alone = one.splitlines()
    assert first.startswith("1 thread, worst case of each operator: 1 of 2 (50 %)")
    assert far == "2 times ahead or more: softmax."
    assert behind.startswith("behind: matmul 4x4 f32 beside torch: 0.70")
    assert behind.endswith("UNDER 0.8")
    assert alone == "Without a peer, so not counted: none."
    assert two.startswith("2 threads, worst case of each operator: 0 of 1")


def test_who_has_no_peer_is_named_and_no_win():
    alone = {**_row("rope_grad", 1e-3, 2e-3), "seconds": {"ours": 1e-3}, "ratios": {}}
    rows = [_row("softmax", 1e-3, 2e-3), alone]
    found = report.summary(rows, ["softmax", "rope_grad", "sort"])
    assert found[0].startswith("1 thread, worst case of each operator: 1 of 1")
    assert found[-2:] == ["Without a peer, so not counted: rope_grad.", "Not timed: sort."]
    assert report.line(alone) == "rope_grad 4x4 f32: 1 ms, 50 % of the limit; no peer"
    assert report.table([alone])[-1] == "| rope_grad 4x4 f32 | 1 | 1 ms | 50 % | none |  |  |"


def test_a_lower_end_of_the_interval_under_0_95_is_behind():
    wide = _row("softmax", 1e-3, 1.02e-3)
    wide["ratios"]["torch"] = [1.02, 0.94, 1.1]
    assert "0 of 1" in report.summary([wide], ["softmax"])[0]


def test_the_ladder_is_written_between_its_marks_and_nowhere_else(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- ladder -->\nold\n<!-- /ladder -->\nafter\n")
    monkeypatch.setattr(report, "README", readme)
    machine = {"cpu": "a processor", "level": "avx2", "compiler": "cc 12"}
    row = _row("softmax", 1e-3, 2e-3)
    row["seconds"] = {"ours": 1e-3, "v10_best": 1e-3, "v2_vector": 2e-3, "v1_naive": 8e-3}
    report.write_ladder({"machine": machine, "at": "2026-11-22T06:00:00+00:00", "rows": [row]})
    text = readme.read_text()
    assert text.startswith("before\n<!-- ladder -->\n")
    assert text.endswith("<!-- /ladder -->\nafter\n")
    assert "| softmax 4x4 f32 | v1_naive: 8 ms, v2_vector: 2 ms (4x), v10_best: 1 ms (8x) | 50 % |" in text
    assert "old" not in text
