"""The names of branches: `refs/heads/<username>/<topic>`."""

from __future__ import annotations

from hub.core.ids import TOPIC, USERNAME

MAIN = "refs/heads/main"


def branch_of(ref: str) -> tuple[str, str] | None:
    """Username and topic of a contributor's branch, or None if `ref` is something else."""
    parts = ref.split("/")
    if len(parts) != 4 or parts[:2] != ["refs", "heads"]:
        return None
    username, topic = parts[2:]
    if (
        not USERNAME.fullmatch(username)
        or not TOPIC.fullmatch(topic)
        or ".." in topic
        or topic.endswith(".lock")
    ):
        return None
    return username, topic
