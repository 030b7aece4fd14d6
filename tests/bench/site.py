"""How long the site takes for its pages: so many page views a second, with a judge at work beside it.

    python -m tests.bench.site [mindspore | campus] [--seconds 60] [--rate 40]

Fills a database of its own with a made-up community (`hub/demo/crowd`): PostgreSQL, for `campus` SQLite. The
large one takes ten minutes to fill; DATABASE_URL names one that is filled already. Kept in
`tests/bench/results`. Not in charge of why a page is slow.

Theory of operation
- The site runs as `make up` runs it. Requests leave another process at even intervals, whether earlier ones
  have been answered or not: a site that is too slow gets a queue, and its answers are late by it.
- Which page is next is drawn from PAGES, the oftener the larger its last number.
- Server time is what the site's log says of a request, found by the request's id. What its visitor waited is
  told beside it: from the moment when the request was due to the last byte.
- What the pages are about, and how many queries each makes when nobody has a copy of it: `site_pages.py`.
- The judge judges one honest, timed submission over and over.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench_runner import fingerprint
from hub.demo.visitor import answers
from hub.services import embedded_redis, programs
from hub.services.instance import free_port
from hub.services.supervisor import launch
from tests.bench.figures import keep
from tests.bench.site_pages import PAGES
from tests.postgres import server

FACTS = [sys.executable, "-m", "tests.bench.site_pages"]
JUDGE = [sys.executable, "-m", "tests.adversary", "--runs", "999", "honest-autotune-timed"]
SENDERS = 32  # requests that may be under way at once
WARM_UP = 2  # views of each page before anything is counted
PATIENCE = 20.0  # seconds after which nobody waits for a page any more
READY_SECONDS = 60
TOOK = re.compile(r" in (\d+) ms$")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.site")
    parser.add_argument("size", nargs="?", default="mindspore", choices=("campus", "mindspore"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=40, help="page views a second")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)  # the other process: what to ask for
    options = parser.parse_args(arguments)
    if options.load:
        print(json.dumps(load(**json.loads(options.load.read_text()))))
        return 0
    signal.signal(
        signal.SIGTERM, lambda number, _frame: sys.exit(128 + number)
    )  # and nothing is left running
    with tempfile.TemporaryDirectory(prefix="touchstone-bench-") as folder, ExitStack() as stack:
        database = os.environ.get("DATABASE_URL", "")
        if filled := bool(database):
            print("taking the database of DATABASE_URL, as it is filled")
        elif options.size == "mindspore":
            database = stack.enter_context(server())
        return measure(Path(folder), database, options, filled=filled)


def measure(folder: Path, database: str, options: argparse.Namespace, *, filled: bool) -> int:
    given = {name: os.environ[name] for name in programs.MACHINE_VARIABLES if name in os.environ}
    place = programs.place("127.0.0.1", free_port(), {"DATA_DIR": str(folder)})
    environment = place.environment({**given, "DATABASE_URL": database, "LOG_FORMAT": "json"})
    if not filled:
        for command in (["migrate", "--verbosity", "0"], ["demo_data", options.size]):
            run([sys.executable, "manage.py", *command], environment)
    facts = json.loads(run(FACTS, environment, stdout=subprocess.PIPE))
    plan = folder / "plan.json"
    asked = {"url": place.local_url, "facts": facts, "seconds": options.seconds, "rate": options.rate}
    plan.write_text(json.dumps(asked))
    with running(place, environment), judging():
        sent = run([sys.executable, "-m", "tests.bench.site", "--load", str(plan)], stdout=subprocess.PIPE)
    waited = [(number, took) for number, took in json.loads(sent)]
    rows = table(waited, server_times(place.log_dir / "site.log"), facts["queries"])
    show(rows)
    keep(
        f"site-{options.size}-{urlsplit(database).scheme or 'sqlite'}",
        fingerprint.machine(folder / "worker").fingerprint(),
        {"size": options.size, "rate": options.rate, "seconds": options.seconds, "pages": rows},
    )
    return 0


def run(command: Sequence[str], environment: dict[str, str] | None = None, stdout: int | None = None) -> str:
    done = subprocess.run(command, env=environment, cwd=programs.ROOT, check=True, text=True, stdout=stdout)
    return done.stdout or ""


@contextmanager
def running(place: programs.Place, environment: dict[str, str]) -> Iterator[None]:
    """Redis and the site, until the block ends."""
    started = [launch(programs.redis(place))]
    try:
        embedded_redis.wait_ready(place.redis_url)
        started.append(launch(replace(programs.site(place), environment=environment)))
        deadline = time.monotonic() + READY_SECONDS
        while not answers(place.local_url):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The site does not answer; see {place.log_dir}")
            time.sleep(0.1)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


@contextmanager
def judging() -> Iterator[None]:
    """A judge at work, as long as the block lasts."""
    judge = subprocess.Popen(JUDGE, cwd=programs.ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
        if judge.poll() is not None:
            raise RuntimeError("The judge did not work beside the site: try `make adversary`.")
    finally:
        if judge.poll() is None:
            os.killpg(judge.pid, signal.SIGTERM)
            judge.wait()


# The other process


def load(url: str, facts: dict[str, Any], seconds: float, rate: float) -> list[tuple[int, float]]:
    """Of each view the number of its page and the milliseconds that its visitor waited."""
    rng = random.Random(1)  # the same order each time
    paths = [path.format_map(facts) for path, _who, _often in PAGES]
    sessions = [facts["sessions"].get(who) for _path, who, _often in PAGES]
    for number in [*range(len(PAGES))] * WARM_UP:
        ask(url, paths[number], sessions[number], "warm-up")
    drawn = rng.choices(range(len(PAGES)), [often for _path, _who, often in PAGES], k=int(seconds * rate))
    begin = time.monotonic() + 0.5
    due = [(begin + at / rate, at, number) for at, number in enumerate(drawn)][::-1]
    took: list[tuple[int, float]] = []

    def send() -> None:
        while due:
            try:
                moment, at, number = due.pop()
            except IndexError:  # another sender was quicker
                return
            time.sleep(max(0.0, moment - time.monotonic()))
            ask(url, paths[number], sessions[number], f"view-{number}-{at}")
            took.append((number, (time.monotonic() - moment) * 1000))

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return took


def ask(url: str, path: str, session: str | None, name: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    headers = {"X-Request-ID": name} | ({"Cookie": f"sessionid={session}"} if session else {})
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
    except TimeoutError:
        pass  # it counts as long as it was waited for
    finally:
        connection.close()


# What came out


def server_times(log: Path) -> dict[int, list[float]]:
    """Milliseconds of each counted view of a page, by the page's number, as the site logged them."""
    found: dict[int, list[float]] = defaultdict(list)
    for line in log.read_text().splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        kind, _, page = str(said.get("request", "")).partition("-")
        took = TOOK.search(said.get("message", ""))
        if kind == "view" and took:
            found[int(page.split("-")[0])].append(float(took[1]))
    return found


def table(
    waited: Sequence[tuple[int, float]], served: dict[int, list[float]], queries: Sequence[int]
) -> list[dict[str, Any]]:
    """A row a page, the slowest first, and one of all pages."""
    by_page: dict[int, list[float]] = defaultdict(list)
    for number, took in waited:
        by_page[number].append(took)
    rows = [
        row(f"{path} ({who})", served[number], by_page[number], queries[number])
        for number, (path, who, _often) in enumerate(PAGES)
        if served[number]
    ]
    rows.sort(key=lambda one: -one["server_p95_ms"])
    every = [took for times in served.values() for took in times]
    return [*rows, row("all pages", every, [took for _number, took in waited], max(queries))]


def row(name: str, served: list[float], waited: list[float], queries: int) -> dict[str, Any]:
    return {
        "page": name,
        "views": len(waited),
        "server_median_ms": statistics.median(served),
        "server_p95_ms": p95(served),
        "waited_median_ms": round(statistics.median(waited), 1),
        "waited_p95_ms": round(p95(waited), 1),
        "queries": queries,
    }


def p95(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def show(rows: Sequence[dict[str, Any]]) -> None:
    print(f"{'':<56}{'':>6}   server time, ms   visitor waited, ms")
    print(f"{'page':<56}{'views':>6}{'median':>9}{'p95':>9}{'median':>11}{'p95':>9}{'queries':>9}")
    for one in rows:
        print(
            f"{one['page']:<56}{one['views']:>6}{one['server_median_ms']:>9.0f}{one['server_p95_ms']:>9.0f}"
            f"{one['waited_median_ms']:>11.0f}{one['waited_p95_ms']:>9.0f}{one['queries']:>9}"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
