"""What must be there before the hub's own code can run: system packages, `.venv`, the locked packages.

Not in charge of the hub's data (`manage.py up` migrates and fills it). Standard library only; safe to run
again: each step first looks whether there is anything to do.

Theory of operation
- The interpreter of `.venv` must be one that a foreign uid can reach, because the sandbox runs strangers'
  Python with it under a uid of its own: /usr/bin/python3 qualifies, one under a home of mode 0700 (pyenv,
  uv) does not.
- System packages are installed by apt-get when we are root. Otherwise the command that does it is printed,
  and we go on as far as possible: the site runs without a compiler, only the judge does not.
- A stamp in `.venv` holds the digests of the lock files that it was made from, so that a second start is
  quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hub.services.instance import StartRefused
from hub.services.programs import ROOT
from hub.services.progress import Progress

OLDEST = (3, 11)
VENV = ROOT / ".venv"
RUNTIME_LOCK, DEV_LOCK = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
STAMP = VENV / "touchstone.json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PIP_OPTIONS = (
    "--require-hashes",
    "--no-deps",
    "--no-input",
    "--disable-pip-version-check",
    "--progress-bar",
    "off",
)


def everything(progress: Progress, *, dev: bool) -> Path:
    """Prepare the machine; the interpreter to go on with."""
    inside = VENV / "bin" / "python"
    base = None if _version(inside) >= OLDEST else find_interpreter()
    _system_packages(progress, base, dev=dev)
    if base is not None:
        _make_virtualenv(progress, base)
    _locked_packages(progress, inside, dev=dev)
    return inside


def find_interpreter() -> Path:
    """The first Python that is new enough, preferring those that every account on the machine can run."""
    names = [
        "/usr/bin/python3",
        *(f"/usr/bin/python3.{minor}" for minor in range(15, 10, -1)),
        sys.executable,
    ]
    usable = [Path(name) for name in names if _version(Path(name)) >= OLDEST]
    if not usable:
        raise StartRefused("No Python 3.11 or newer was found. Install one: apt-get install python3.11")
    return next((path for path in usable if reachable_by_all(path)), usable[0])


def reachable_by_all(path: Path) -> bool:
    """Whether a foreign uid may enter every folder above the real file."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def missing_packages(base: Path | None, *, dev: bool) -> list[str]:
    """Debian's names of what is not there; looked for by the thing itself, it may come from elsewhere.

    `base` is the interpreter that a virtual environment must still be made from.
    """
    wanted: dict[str, object] = {
        "bubblewrap": shutil.which("bwrap"),
        "gcc": shutil.which("gcc"),
        "g++": shutil.which("g++"),
        "libc6-dev": Path("/usr/include/stdio.h").exists(),
        "util-linux": shutil.which("setpriv"),
        "git": shutil.which("git"),
        "libseccomp2": [f for p in ("lib*", "lib*/*") for f in Path("/usr").glob(f"{p}/libseccomp.so.2")],
    }
    if base is not None:
        wanted[_venv_package(base)] = _output([str(base), "-c", "import ensurepip, venv; print('yes')"])
    if dev:
        wanted["chromium"] = any(shutil.which(name) for name in BROWSERS)
    return [name for name, found in wanted.items() if not found]


def _system_packages(progress: Progress, base: Path | None, *, dev: bool) -> None:
    missing = missing_packages(base, dev=dev)
    if not missing:
        return
    cure = f"apt-get update && apt-get install --no-install-recommends -y {' '.join(missing)}"
    said = f"Missing on this machine: {', '.join(missing)}"
    if shutil.which("apt-get") is None:
        progress.warn(f"{said} (Debian's names). Install them, then start again.")
    elif os.geteuid() != 0:
        progress.warn(f"{said}. Install them with: sudo sh -c '{cure}'")
    else:
        _apt(progress, missing, cure)
    needed = [name for name in missing_packages(base, dev=dev) if name == "git" or name.endswith("-venv")]
    if needed:
        raise StartRefused(f"Nothing can start without {' and '.join(needed)}: install and run make again.")


def _apt(progress: Progress, missing: list[str], cure: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing]
    try:
        with progress.step(f"System packages: {', '.join(missing)}"):
            progress.run(["apt-get", "update", "-q"], environment=quiet)
            progress.run(install, environment=quiet)
    except StartRefused as refusal:  # the site can do without most of them, so say it and go on
        progress.warn(f"{refusal}\nThe judge needs these packages. Install them with: {cure}")


def _make_virtualenv(progress: Progress, python: Path) -> None:
    with progress.step(f"Virtual environment .venv from {python} ({platform.machine()})"):
        shutil.rmtree(VENV, ignore_errors=True)
        progress.run([str(python), "-m", "venv", str(VENV)])


def _locked_packages(progress: Progress, inside: Path, *, dev: bool) -> None:
    if installed(dev=dev):
        return
    lock = DEV_LOCK if dev else RUNTIME_LOCK
    count = sum(
        1 for line in lock.read_text().splitlines() if "==" in line and not line.startswith(("#", " "))
    )
    with progress.step(f"{count} Python packages from {lock.name}"):
        # Not compiled now: modules are when first imported, and a third of them never is.
        command = [str(inside), "-m", "pip", "install", *PIP_OPTIONS, "--no-compile", "-r", str(lock)]
        progress.run(command)
    STAMP.write_text(json.dumps(_digests(dev=dev)))


def installed(*, dev: bool) -> bool:
    """Whether `.venv` was made from the locks as they are now."""
    return _digests(dev=dev).items() <= _read_stamp().items()


def _digests(*, dev: bool) -> dict[str, str]:
    locks = (RUNTIME_LOCK, DEV_LOCK) if dev else (RUNTIME_LOCK,)  # the dev lock holds all of the runtime lock
    return {lock.name: hashlib.sha256(lock.read_bytes()).hexdigest() for lock in locks}


def _read_stamp() -> dict[str, str]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        found = json.loads(STAMP.read_text())
        if isinstance(found, dict):
            return found
    return {}


def _venv_package(python: Path) -> str:
    if python.name == "python3":
        return "python3-venv"
    return "python{}.{}-venv".format(*_version(python))


def _version(python: Path) -> tuple[int, ...]:
    """(3, 11), or () when it does not run."""
    printed = _output([str(python), "-c", "import sys; print(*sys.version_info[:2])"])
    return tuple(int(part) for part in printed.split())


def _output(command: Sequence[str]) -> str:
    """What it prints, or nothing when it fails or is not there."""
    if not os.access(command[0], os.X_OK):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd="/")
    return done.stdout if done.returncode == 0 else ""
