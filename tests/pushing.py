"""Contributors with tokens and clones, for tests and measurements that push for real."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.demo.visitor import Visitor
from tests.whole import WholeHub

MAKE_PEOPLE = """
import json
from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.catalog.models import Task
from hub.claims.actions import claim
made = {{}}
for name in {names!r}:
    user = User.objects.create_user(username=name)
    claim(Task.objects.get(slug={task!r}), user)
    made[name] = create_token(user, "test")[1]
print(json.dumps(made))
"""


@dataclass
class Contributor:
    """One person with one clone of one task."""

    visitor: Visitor
    clone: Path

    @property
    def username(self) -> str:
        return self.visitor.username

    def commit(self, files: Mapping[str, bytes], topic: str) -> str:
        """Commit `files` as the whole of one's solution; the commit's id."""
        own = self.clone / "solutions" / self.username
        own.mkdir(parents=True, exist_ok=True)
        for old in own.iterdir():
            old.unlink()
        for name, content in files.items():
            (own / name).write_bytes(content)
        (own / "TOPIC.md").write_text(topic)  # so that no two commits are the same
        self._git("add", "-A")
        self._git("commit", "-q", "-m", topic)
        return self._git("rev-parse", "HEAD").strip()

    def import_commits(self, topics: Mapping[str, Mapping[str, bytes]]) -> dict[str, str]:
        """A commit on top of `main` for each topic, made by one process: the commits by topic."""
        base = self._git("rev-parse", "origin/main").strip()
        stream, marks = b"", {}
        for mark, (topic, files) in enumerate(topics.items(), 1):
            marks[topic] = mark
            who = f"{self.username} <{self.username}@demo.invalid> 1800000000 +0000"
            head = f"commit refs/imported/{topic}\nmark :{mark}\ncommitter {who}\ndata <<END\n{topic}\nEND\n"
            stream += head.encode() + f"from {base}\n".encode()
            for name, content in files.items():
                where = f"M 100644 inline solutions/{self.username}/{name}\ndata {len(content)}\n"
                stream += where.encode() + content + b"\n"
        self._git("fast-import", "--quiet", "--export-marks=marks", stdin=stream)
        lines = (self.clone / "marks").read_text().split("\n")
        shas = dict(line.split() for line in lines if line)
        return {topic: shas[f":{mark}"] for topic, mark in marks.items()}

    def push(self, sha: str, topic: str) -> str:
        """Push one commit to a topic of one's own; what git said."""
        return self._git("push", "origin", f"{sha}:refs/heads/{self.username}/{topic}")

    def _git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self.visitor.git(*arguments, folder=self.clone, stdin=stdin)
        assert done.returncode == 0, f"git {' '.join(arguments)}:\n{done.stderr}"
        return done.stdout + done.stderr


def contributors(
    hub: WholeHub, task: str, names: list[str], folder: Path, url: str = ""
) -> list[Contributor]:
    """Make people with a claim on the task, a token and a clone each; `url` if not the hub's own."""
    url = url or hub.url
    script = MAKE_PEOPLE.format(names=names, task=task)
    said = hub.manage("shell", "--verbosity", "0", "--command", script).stdout
    tokens = json.loads(said.strip().splitlines()[-1])
    made = []
    for name in names:
        visitor = Visitor(url, name, "", token=tokens[name])
        done = visitor.git("clone", "-q", f"{url}/git/{task}.git", name, folder=folder)
        assert done.returncode == 0, done.stderr
        made.append(Contributor(visitor, folder / name))
    return made
