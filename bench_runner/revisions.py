"""Task revisions on this worker: fetched once, verified by digest, kept as files.

Not in charge of reading them (`tasks.spec`).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bench_runner.client import HubClient
from bench_runner.contract import Bundle, ContractError, decode_bundle, encode_bundle
from bench_runner.errors import InfrastructureFault
from tasks.spec import digest as digest_of

KEEP = 64  # revisions; a task has a few hundred kilobytes
DIGEST = re.compile(r"[0-9a-f]{64}")


class Revisions:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, digest: str, client: HubClient) -> Bundle:
        """The files of the revision, from here or from the hub.

        Raises:
            InfrastructureFault: what the hub sent does not have that digest.
        """
        if not DIGEST.fullmatch(digest):
            raise InfrastructureFault(f"revision {digest[:80]!r}: 64 hexadecimal digits are needed")
        file = self._folder / f"{digest}.json"
        files = _read(file, digest)
        if files is None:
            files = client.revision(digest)
            if digest_of(files) != digest:
                raise InfrastructureFault(
                    f"revision {digest}: the hub sent files of digest {digest_of(files)}; "
                    "run `manage.py sync_tasks` on the hub"
                )
            self._store(file, files)
        return files

    def _store(self, file: Path, files: Bundle) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(encode_bundle(files)))
        part.replace(file)
        by_age = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[KEEP:]:
            old.unlink(missing_ok=True)


def _read(file: Path, digest: str) -> Bundle | None:
    """What is stored, unless it is missing or damaged: then it is fetched again."""
    try:
        files = decode_bundle(json.loads(file.read_text()))
    except (OSError, ValueError, ContractError):
        return None
    return files if digest_of(files) == digest else None
