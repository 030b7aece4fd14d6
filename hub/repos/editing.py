"""A commit that the hub makes on a contributor's branch for its owner, under the rules of a push.

Not in charge of who may ask for one nor of what comes of it (`hub/suggesting.py`). The new commit is shown to
the very program that looks at pushes; what it refuses is on no branch. The branch moves by compare-and-swap.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from hub.accounts.models import User
from hub.core.refs import branch_of
from hub.repos import git, process
from hub.repos.access import Policy
from hub.repos.process import GitFailed

HOOK = Path(__file__).parent / "hooks" / "pre_receive.py"
REFUSED = 1


class Refused(Exception):
    """The rules of a push do not allow it; the text is what a pusher would read."""


def push_files(
    policy: Policy, ref: str, files: Mapping[str, bytes], author: User, message: str, head: str
) -> str | None:
    """Put a commit with `files` on top of `head`, where `ref` must be; its sha, or None if `ref` has moved.

    Raises:
        Refused: a push of the same would be.
    """
    if branch_of(ref) is None:
        raise ValueError(f"{ref!r} is not a contributor's branch: refs/heads/<username>/<topic>")
    path = git.path_of(policy.task)
    sha = git.commit_unseen(policy.task, files, author, message, head)
    _ask_hook(path, policy, f"{head} {sha} {ref}\n")
    return sha if git.move(policy.task, ref, sha, head) else None


def _ask_hook(path: Path, policy: Policy, update: str) -> None:
    command = [sys.executable, "-I", "-S", str(HOOK)]
    asked = process.environment(path) | {"GIT_DIR": str(path), "TOUCHSTONE_POLICY": policy.to_json()}
    try:
        done = subprocess.run(
            command,
            input=os.fsencode(update),
            env=asked,
            capture_output=True,
            timeout=process.TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"pre-receive: {error}") from error
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == REFUSED:
        raise Refused(said)
    if done.returncode != 0:
        raise GitFailed(f"pre-receive ended with {done.returncode}: {said[-500:]}")
