"""Task revisions on this worker: fetched once, verified by digest, kept as folders.

Not in charge of what is in them (`tasks.spec`).
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from bench_runner.client import HubClient
from bench_runner.errors import InfrastructureFault
from bench_runner.workspace import Revision
from tasks.spec import TaskError, digest, load_files, read_folder, write_files

KEEP = 64  # revisions; a task has a few hundred kilobytes
DIGEST = re.compile(r"[0-9a-f]{64}")


class Revisions:
    """`<folder>/<digest>/<slug>/…`; the files are read and their digest is computed before every use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, slug: str, wanted: str, client: HubClient) -> Revision:
        """The revision, from here or from the hub.

        Raises:
            InfrastructureFault: what the hub sent does not have that digest, or is no task; no room for it.
        """
        if not DIGEST.fullmatch(wanted):
            raise InfrastructureFault(f"revision {wanted[:80]!r}: 64 hexadecimal digits are needed")
        folder = self._folder / wanted / slug
        try:
            if not folder.is_dir() or digest(read_folder(folder)) != wanted:
                self._fetch(folder, wanted, client)
            return Revision(load_files(slug, read_folder(folder)), folder)
        except (TaskError, ValueError) as error:
            raise InfrastructureFault(f"revision {wanted} of {slug} is no task: {error}") from error
        except OSError as error:
            raise InfrastructureFault(f"revision {wanted} of {slug} cannot be kept here: {error}") from error

    def _fetch(self, folder: Path, wanted: str, client: HubClient) -> None:
        files = client.revision(wanted)
        if digest(files) != wanted:
            raise InfrastructureFault(
                f"revision {wanted}: the hub sent files of digest {digest(files)}: "
                "run `manage.py sync_tasks` on the hub"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="new-") as fresh:
            write_files(files, fresh)
            shutil.rmtree(folder, ignore_errors=True)  # damaged, or not there
            folder.parent.mkdir(exist_ok=True)
            with contextlib.suppress(OSError):  # another worker has put it there meanwhile: the same files
                Path(fresh).rename(folder)
                Path(fresh).mkdir()  # for the context's own cleaning up
        self._forget_old()

    def _forget_old(self) -> None:
        by_age = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[KEEP:]:
            shutil.rmtree(old, ignore_errors=True)
