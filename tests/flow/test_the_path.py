"""The whole path, out of real parts: git over HTTP, Redis, a Celery worker, the sandbox, measured numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_tasks import small_tasks
from tests.whole import whole_hub

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]  # tests/browser walks it in every run


def test_the_demo_walks_from_claim_to_reward_and_every_verdict_is_the_expected_one(tmp_path: Path) -> None:
    with whole_hub(tmp_path, tasks=small_tasks(tmp_path / "tasks")) as hub:
        done = hub.manage("demo", check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{hub.logs()}"
        assert "remote: " in done.stdout
        merged = hub.rows("SELECT merged_sha FROM pulls_pullrequest WHERE state = 'merged'")
        assert len(merged) == 1
        paid = hub.rows("SELECT points, kind FROM rewards_reward ORDER BY id")
        assert (20, "merge") in paid
        outcomes = hub.rows(
            "SELECT kind, outcome FROM bench_verdict JOIN bench_job ON bench_job.id = bench_verdict.job_id"
        )
        assert sorted(outcomes) == sorted(
            [
                ("check", "passed"),
                ("check", "wrong_answer"),
                ("check", "build_failed"),
                ("check", "wrong_answer"),
                ("rank", "passed"),
                ("confirm", "passed"),
                ("merge", "passed"),
            ]
        )
