"""`manage.py up`: bring the data up to date, start every program of the hub, look after them until Ctrl-C.

Not in charge of what must be on the machine first (`hub/bootstrap.py`, which ends by running this), nor of
how programs are kept alive (`hub/services/supervisor.py`).

Order: Redis, because filling the data queues jobs; the data; the site, alone until its first page answers,
because that is what the newcomer waits for; then the hub's jobs and the bench worker beside it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from hub.demo.people import PEOPLE
from hub.rewards import signing
from hub.services import embedded_redis, instance, programs, translations
from hub.services.progress import Progress
from hub.services.supervisor import Supervisor, tail

FIRST_PAGE_SECONDS = 60.0  # a site that has not answered by then will not
SITE_TRIES = 3  # ends of the site before its first page that are taken for a fault in it


class Command(BaseCommand):
    help = "Start the whole hub on this machine and keep it running until Ctrl-C."
    requires_system_checks: list[str] = []  # they cost a second; `manage.py check` and the tests run them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
        )
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-worker", action="store_true", help="no bench worker on this machine")
        parser.add_argument(
            "--since", type=float, default=time.monotonic(), help="monotonic time of the start"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = programs.place(options["host"], options["port"])
        self._under_its_environment(place)
        self.progress = Progress(options["since"])
        try:
            held = instance.hold(place.run_dir, settings.SITE_URL)
        except instance.AlreadyRunning as found:
            self.progress.say(str(found))
            return
        try:
            instance.require_free_port(place.host, place.port)
            self._run(place, worker=not options["no_worker"])
        except instance.StartRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        finally:
            held.release()

    def _under_its_environment(self, place: programs.Place) -> None:
        """Settings were read from the environment: begin again when it is not the one the hub runs under."""
        wanted = place.environment()
        if any(
            os.environ.get(name) != wanted[name] for name in ("DATA_DIR", "SITE_URL", "REDIS_URL", "DEMO")
        ):
            os.execve(sys.executable, [sys.executable, *sys.argv], wanted)  # noqa: S606  # itself once more

    def _run(self, place: programs.Place, *, worker: bool) -> None:
        supervisor = Supervisor(say=self.progress.say)
        with _stopped_by_signals(supervisor):
            try:
                if place.embedded:
                    supervisor.start(programs.redis(place))
                embedded_redis.wait_ready(place.redis_url)
                self._bring_up_to_date(place)
                self._start_site(place, supervisor)
                supervisor.start(programs.jobs(place))
                if worker:
                    supervisor.start(programs.worker(place))
                self._greet(place)
                supervisor.watch(until=lambda: False)
            except KeyboardInterrupt:
                pass  # asked to stop before everything ran
            finally:
                self.progress.say("Stopping …")
                supervisor.stop()
        self.progress.say("Stopped. Start again with: make up")

    def _bring_up_to_date(self, place: programs.Place) -> None:
        if translations.compile_stale():
            self.progress.say("Translations compiled")
        if _migrations_missing():
            with self.progress.step("Database: migrate"):
                call_command("migrate", interactive=False, verbosity=0)
            with self.progress.step("Boards: compute them from the verdicts"):
                call_command("rebuild_boards", verbosity=0)
        with self.progress.step("Tasks: publish what changed under tasks/"):
            try:
                call_command("sync_tasks", verbosity=0)
            except CommandError as error:  # one broken folder must not keep the site from starting
                self.progress.warn(f"{error} See: make tasks-check")
        if settings.DEMO:
            with self.progress.step("Demo people and the tasks' example solutions"):
                call_command("seed_demo", verbosity=0)
        signing.public_pem()  # so that the key of certificates is there from the first start
        call_command("add_worker", "embedded", token_file=place.worker_token, keep=True, verbosity=0)
        connection.close()

    def _start_site(self, place: programs.Place, supervisor: Supervisor) -> None:
        program = programs.site(place)
        supervisor.start(program)
        deadline = time.monotonic() + FIRST_PAGE_SECONDS
        answered = False

        def settled() -> bool:
            nonlocal answered
            answered = _answers(place)
            return answered or time.monotonic() > deadline or supervisor.ends("site") >= SITE_TRIES

        supervisor.watch(until=settled)
        if supervisor.stopping:
            raise KeyboardInterrupt
        if not answered:
            raise instance.StartRefused(
                f"The site does not start. The end of {program.log}:\n{tail(program.log)}"
            )

    def _greet(self, place: programs.Place) -> None:
        lines = [f"Touchstone runs at {settings.SITE_URL}", ""]
        if settings.DEMO:
            lines += ["Demo mode: these people exist, and everybody knows their passwords. Log in as", ""]
            lines += [f"    {p.username:<12} {p.password:<24} {p.role}" for p in PEOPLE] + [""]
        if settings.DEMO and place.reached_by_others(settings.SITE_URL):
            lines += [
                "WARNING: other machines reach this hub, and the maintainer's password above is public:"
            ]
            lines += ["whoever logs in with it may do everything. Without demo people: make up DEMO=0", ""]
        if place.host in {"0.0.0.0", "::"} and place.local_url == settings.SITE_URL:  # noqa: S104  # compared
            lines += ["It listens for other machines too, but answers to this machine's names alone:"]
            lines += [f"give SITE_URL=http://NAME-OF-THIS-MACHINE:{place.port} to make up.", ""]
        lines += [f"Logs are in {place.log_dir}. Stop with Ctrl-C."]
        self.progress.say("\n  ".join(lines))


@contextlib.contextmanager
def _stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the watch, or what runs before it; the handlers of before come back."""

    def stop(number: int, frame: FrameType | None) -> None:
        if supervisor.stopping:
            return  # once is enough: programs are being ended
        supervisor.stop_soon()
        if not supervisor.watching:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _migrations_missing() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        where = "DATABASE_URL" if os.environ.get("DATABASE_URL") else settings.DATABASES["default"]["NAME"]
        raise instance.StartRefused(f"The database ({where}) cannot be used: {error}") from error


def _answers(place: programs.Place) -> bool:
    """Whether the site gives its first page."""
    connection = http.client.HTTPConnection(place.local_url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):  # not listening yet
        return False
    finally:
        connection.close()
