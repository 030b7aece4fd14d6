"""Forty pushes at once while a worker, Redis and the site die: forty verdicts, each once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.services import embedded_redis, programs
from tasks.spec import load_folder, read_folder
from tests.pushing import contributors
from tests.whole import WholeHub, whole_hub

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

TASK = "vector-add"
PEOPLE = ["anna", "boris", "carla", "deng"]
PUSHES_EACH = 10
VERDICT_SECONDS = 240


def verdicts(hub: WholeHub) -> int:
    return hub.count("SELECT count(*) FROM bench_verdict")


def test_forty_pushes_survive_a_killed_worker_a_restarted_redis_and_a_restarted_site(tmp_path: Path) -> None:
    folder = programs.ROOT / "tasks" / TASK
    example = next(
        e for e in load_folder(folder).examples if e.verdict == "wrong_answer" and e.language == "c"
    )
    files = example.files_of(read_folder(folder))
    (tmp_path / "clones").mkdir()
    with whole_hub(tmp_path / "hub", workers=2) as hub:
        people = contributors(hub, TASK, PEOPLE, tmp_path / "clones")
        work = [
            (who, who.commit(files, f"try-{number}"), f"try-{number}")
            for who in people
            for number in range(PUSHES_EACH)
        ]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: item[0].push(item[1], item[2]), work))
        hub.wait(lambda: verdicts(hub) >= 2, "the first verdicts", VERDICT_SECONDS)
        hub.kill("worker-1")
        hub.kill("redis")
        hub.run(programs.redis(hub.place))
        embedded_redis.wait_ready(hub.place.redis_url)
        hub.kill("site")
        hub.start_site()
        hub.start_worker(1)
        hub.wait(lambda: verdicts(hub) >= len(work), "forty verdicts", VERDICT_SECONDS)
        per_job = hub.rows(
            "SELECT patch_set_id, count(*) FROM bench_job JOIN bench_verdict ON job_id = bench_job.id "
            "GROUP BY patch_set_id"
        )
        assert len(per_job) == len(work)
        assert {count for _, count in per_job} == {1}
        assert hub.count("SELECT count(*) FROM bench_job WHERE state IN ('queued', 'running')") == 0
        assert hub.rows("SELECT DISTINCT outcome FROM bench_verdict") == [("wrong_answer",)]
