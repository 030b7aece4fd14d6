"""The pre-receive hook: may this push come in? git runs it as a program, with the push still in quarantine.

Not in charge of who the pusher is or what they may do: that comes as JSON in TOUCHSTONE_POLICY (`access.py`).
Standard library only, no Django: a hook that loads the site costs every push a third of a second.

Theory of operation
-------------------
All or nothing: every branch of the push must be right, else nothing is taken. What is judged of a branch is
its difference from the merge base with `main`, and all of the contributor's own folder as it will be read.
What goes to standard error shows up in the pusher's terminal behind `remote:`, so each refusal says what is
wrong, with name and value, and the command that cures it; then one line in Chinese. A failure here refuses.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

if not __package__:  # run by git: isolated mode leaves this folder's package out of the path
    sys.path.insert(0, os.path.abspath(__file__ + "/../../../.."))

from hub.repos.hooks import content, words
from hub.repos.hooks.objects import Objects, TooMuch, git, new_objects
from hub.repos.hooks.words import Refused

OBJECTS_MOST = 5_000  # commits, folders and files of one push
TOPIC = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")  # as in hub/core/ids.py; a test compares the two
ZERO = "0" * 40


class Update:
    """One line of the push: a ref and where it is to go."""

    def __init__(self, line: str) -> None:
        self.old, self.new, self.ref = line.rstrip("\n").split(" ", 2)

    @property
    def short(self) -> str:
        return content.shown(os.fsencode(self.ref.removeprefix("refs/heads/")))


def check_name(update: Update, policy: dict[str, Any]) -> str:
    """The topic of the branch, if the pusher may move a branch of that name at all."""
    username = policy["username"]
    if update.new == ZERO:
        raise words.no_deleting(update.short)
    if update.ref.startswith("refs/for/"):
        raise words.not_for(update.short, username)
    if not update.ref.startswith("refs/heads/"):
        raise words.only_branches(update.short, username)
    owner, slash, topic = update.ref.removeprefix("refs/heads/").partition("/")
    if not slash or owner != username:
        raise words.not_your_branch(update.short, username, suggestion(topic or owner.replace(username, "")))
    if not TOPIC.fullmatch(topic) or ".." in topic or topic.endswith(".lock"):
        raise words.bad_topic(update.short, username, suggestion(topic))
    if topic in policy["ended"]:
        raise words.ended(username, topic, policy["ended"][topic])
    return topic


def suggestion(name: str) -> str:
    """A topic that would be taken, as near to the given name as can be."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return plain if plain and plain != "main" else "my-solution"


def check_quota(updates: list[Update], policy: dict[str, Any]) -> None:
    fresh = [update for update in updates if update.old == ZERO]
    if not fresh:
        return
    own = git(
        "for-each-ref", "--format=%(refname:lstrip=3)", f"refs/heads/{policy['username']}/"
    ).splitlines()
    live = [topic for topic in own if topic not in policy["ended"]]
    if len(live) + len(fresh) > policy["branches_most"]:
        raise words.too_many_branches(len(live), policy["branches_most"])


def check_history(updates: list[Update], policy: dict[str, Any], objects: Objects) -> None:
    """Nothing huge may hide in an older commit: a merge would bring it to everybody for ever."""
    for sha, name in new_objects([update.new for update in updates], OBJECTS_MOST):
        kind, size = objects.size(sha)
        if kind == "blob" and size > policy["max_bytes"]:
            raise words.too_large(content.shown(os.fsencode(name)), size, policy["max_bytes"])


def check_branch(update: Update, policy: dict[str, Any], objects: Objects) -> None:
    if objects.size(update.new)[0] != "commit":
        raise words.not_a_commit(update.short)
    base = git("merge-base", policy["main"], update.new)
    if not base:
        raise words.unrelated(policy)
    changes = list(objects.changes(base, update.new))
    if not changes:
        raise words.nothing_to_judge(update.short, policy)
    content.check_places(changes, policy)
    content.check_files(objects, update.new, policy)


def refusals(updates: list[Update], policy: dict[str, Any]) -> list[Refused]:
    """All that is wrong with names and claim; if nothing is, the first wrong thing in each branch.

    A merge ends the claim, so a push to the merged branch meets both, and only the name tells the pusher why.
    """
    found = _collect(updates, lambda update: check_name(update, policy))
    if policy["refusal"]:
        found.append(words.not_now(policy))
    if found:
        return found
    objects = Objects()
    try:
        check_quota(updates, policy)
        check_history(updates, policy, objects)
        return _collect(updates, lambda update: check_branch(update, policy, objects))
    except Refused as refused:
        return [refused]
    except TooMuch as much:
        return [words.too_much(str(much))]
    finally:
        objects.close()


def _collect(updates: list[Update], check: Any) -> list[Refused]:
    found = []
    for update in updates:
        try:
            check(update)
        except Refused as refused:
            found.append(refused)
    return found


def say(lines: list[str]) -> None:
    sys.stderr.buffer.write("\n".join(["", *lines, "", ""]).encode())
    sys.stderr.buffer.flush()


def main() -> int:
    try:
        policy = json.loads(os.environ["TOUCHSTONE_POLICY"])
        updates = [Update(os.fsdecode(line)) for line in sys.stdin.buffer]
        found = refusals(updates, policy)
    except Exception as error:  # noqa: BLE001  # whatever fails here must refuse, and not with a traceback
        say(words.our_fault(f"{type(error).__name__}: {error}"))
        return 1
    if found:
        say([line for refused in found for line in refused.lines])
        return 1
    say(words.welcome(policy, [update.ref.rpartition("/")[2] for update in updates]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
