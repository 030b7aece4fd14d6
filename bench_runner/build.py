"""From the files of a submission to an artefact that can be loaded, inside a sandbox of its own.

Not in charge of the compile commands (`tasks.languages`), nor of whether the artefact works (`check.py`).

C, C++, CUDA C++: the compiler runs in the sandbox, and one file comes out, by a name from our list, as bytes.
Python: the sources are the artefact; they are byte-compiled in the sandbox so that a syntax error is found
here. The build sees neither cases nor seeds. What was built once on this worker is not built again from the
same sources (`_built`).
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench_runner.devices import kit
from bench_runner.failure import Failed, fault
from bench_runner.sandbox import BadOutput, End, Limits, Mount, Sandbox, python_executable
from bench_runner.workspace import Revision, Workspace, write
from tasks import languages
from tasks.languages import LANGUAGES, Language
from tasks.spec import Bundle, Task, UnsafeName, check_names, digest, read_folder

LEAST_MEMORY_MB = 1024  # a compiler needs this for template-heavy code, whatever the task grants at run time
PROCESSES = 64
SOURCES = "/src"
# Names that would hide what the guest itself imports, or that Python runs at start.
RESERVED_MODULES = frozenset(sys.stdlib_module_names) | {"numpy", "sitecustomize", "usercustomize"}
MODULE_SUFFIXES = (".py", ".pyc", ".so", ".pyd")


@dataclass(frozen=True)
class Artefact:
    """What is mounted as the submission: a folder of ours, holding bytes that came out of a build."""

    language: str
    folder: Path
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Built:
    artefact: Artefact
    log: str  # what the compiler said, also when it succeeded


class BuildFailed(Failed):
    """A failed build, with the compiler's words."""

    def __init__(self, log: str, reason: str, **args: object) -> None:
        super().__init__(reason, **args)
        self.log = log


def submission(sandbox: Sandbox, workspace: Workspace, task: Task, files: Bundle, place: Path) -> Built:
    """Build what a contributor pushed; `place` is for the sources.

    Raises:
        Failed: it does not build, or breaks a rule of names or files.
    """
    language = language_of(files, task)
    check_files(files, language)
    return _built(sandbox, workspace, task, language, files, place)


def baseline(sandbox: Sandbox, workspace: Workspace, revision: Revision, place: Path) -> Artefact:
    """The task's own baseline.

    Raises:
        InfrastructureFault: it does not build.
    """
    language = LANGUAGES[revision.task.entry.baseline]
    files = read_folder(revision.folder / "baseline")
    try:
        return _built(sandbox, workspace, revision.task, language, files, place).artefact
    except Failed as failure:
        fault("baseline_failed", detail=str(failure))


def language_of(files: Bundle, task: Task) -> Language:
    """The one language whose entry file is there.

    Raises:
        Failed: none, or several.
    """
    allowed = [LANGUAGES[id].entry for id in task.entry.languages]
    found = languages.of_files(files, task.entry.languages)
    if not found:
        raise Failed("no_entry_file", allowed=allowed)
    if len(found) > 1:
        raise Failed("several_entry_files", found=[LANGUAGES[id].entry for id in found], allowed=allowed)
    return LANGUAGES[found[0]]


def check_files(files: Bundle, language: Language) -> None:
    """Names that are safe everywhere and hide nothing of ours.

    Raises:
        Failed: a name breaks a rule.
    """
    try:
        check_names(files)
    except UnsafeName as problem:
        raise Failed("name_not_allowed", rule=str(problem)) from None
    reserved = RESERVED_MODULES.union(kit.PACKAGES if language.device == "gpu" else ())
    for name in files if language.build_command("", "") is None else ():
        top, _, below = name.partition("/")
        module = top.partition(".")[0]
        importable = bool(below) or top.endswith(MODULE_SUFFIXES)
        if (importable and module in reserved) or name.endswith(".pth"):
            rule = f"{name} would take the place of Python's or a library's own module {module!r}"
            raise Failed("name_not_allowed", rule=rule)


def _built(
    sandbox: Sandbox, workspace: Workspace, task: Task, language: Language, files: Bundle, place: Path
) -> Built:
    """From what this worker has built before, if it was the very same, else in a sandbox.

    The rank job of a patch set meets what its check job built. Whatever could change the outcome is in the
    key, so that nothing but the same sources ever gets an artefact; a failed build is not kept.
    """
    key = _key(task, language, files, workspace.arch)
    kept = workspace.kept_build(key)
    if kept is None:
        kept = workspace.keep_build(key, *_build(sandbox, workspace, task, language, files, place))
    found = read_folder(kept.folder)
    if language.build_command("", ""):
        binary = found[language.artefact]
        return Built(Artefact(language.id, kept.folder, _sha256(binary), len(binary)), kept.log)
    size = sum(map(len, found.values()))
    return Built(Artefact(language.id, kept.folder, digest(found), size), kept.log)


def _key(task: Task, language: Language, files: Bundle, arch: str) -> str:
    command = language.build_command("/out", SOURCES)
    state = _compiler_state(language)
    if language.device == "gpu" and command:
        state = f"{kit.build_state()} {arch}"
    return _sha256(repr((digest(files), command, state, _limits(task))).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _build(
    sandbox: Sandbox, workspace: Workspace, task: Task, language: Language, files: Bundle, place: Path
) -> tuple[Bundle, str]:
    """The files of the artefact, and what the compiler said."""
    sources = place / f"source-{time.monotonic_ns()}"
    sources.mkdir(mode=0o755)
    write(files, sources)
    command = language.build_command("/out", SOURCES)
    if command is None:
        return files, _compile_python(sandbox, workspace, task, files, sources)
    mounts, environment = [Mount(sources, SOURCES)], {}
    if language.device == "gpu":
        command = [python_executable(), "-I", "-S", "/guest/cuda.py", *command[3:]]
        command += kit.build_words(workspace.arch)
        mounts += [Mount(workspace.guest_kit(), "/guest"), *kit.build_mounts()]
        environment = kit.BUILD_ENVIRONMENT
    content, log = _compile(sandbox, task, language, command, mounts, environment)
    return {language.artefact: content}, log


def _compile(
    sandbox: Sandbox,
    task: Task,
    language: Language,
    command: list[str],
    mounts: list[Mount],
    environment: dict[str, str],
) -> tuple[bytes, str]:
    limits = _limits(task)
    with sandbox.start(command, mounts=mounts, limits=limits, environment=environment) as guest:
        end = guest.wait()
        log = shorten(guest.log)
        shown = shlex.join(language.build_command(".", ".") or ())
        _need_success(end, log, task, "compile_error", command=shown, code=end.code)
        try:
            found = guest.output([language.artefact], limits.out_bytes)
        except BadOutput as bad:
            if bad.reason == "too_big":
                raise BuildFailed(log, "build_output_limit", megabytes=task.limits.output_mb) from bad
            raise BuildFailed(log, "bad_artefact", file=bad.name, rule=bad.reason) from bad
    return found[language.artefact], log


def _compile_python(sandbox: Sandbox, workspace: Workspace, task: Task, files: Bundle, sources: Path) -> str:
    names = sorted(name for name in files if name.endswith(".py"))
    command = [python_executable(), "-I", "-S", "/guest/syntax.py", SOURCES, *names]
    mounts = [Mount(workspace.guest_kit(), "/guest"), Mount(sources, SOURCES)]
    with sandbox.start(command, mounts=mounts, limits=_limits(task)) as guest:
        end = guest.wait()
        log = shorten(guest.log)
    _need_success(end, log, task, "syntax_error")
    return log


def _need_success(end: End, log: str, task: Task, otherwise: str, **args: object) -> None:
    if end.how == "wall_limit":
        raise BuildFailed(log, "build_time_limit", seconds=task.limits.build_seconds)
    if end.how == "memory_limit":
        raise BuildFailed(log, "build_memory_limit", megabytes=_memory_mb(task))
    if end.how != "exited" or end.code:
        raise BuildFailed(log, otherwise, **args)


def shorten(log: bytes) -> str:
    """The compiler's words with the contributor's own file names; nothing else is changed."""
    return log.decode("utf-8", errors="replace").replace(f"{SOURCES}/", "")


def _limits(task: Task) -> Limits:
    return Limits(
        memory_bytes=_memory_mb(task) * 2**20,
        processes=PROCESSES,
        wall_seconds=task.limits.build_seconds,
        log_bytes=task.limits.log_kb * 1024,
        out_bytes=task.limits.output_mb * 2**20,
    )


def _memory_mb(task: Task) -> int:
    return max(task.limits.memory_mb, LEAST_MEMORY_MB)


def _compiler_state(language: Language) -> str:
    command = language.build_command("/out", SOURCES)
    program = shutil.which(command[0]) if command else python_executable()
    return str(Path(program).resolve().stat().st_mtime_ns) if program else "none"
