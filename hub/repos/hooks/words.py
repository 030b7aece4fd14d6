"""What the git door says to a pusher: each refusal with cause, value and cure; English, then Chinese.

Standard library only; part of the pre-receive hook.
"""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """One reason why a push is not taken; `lines` are for the pusher's terminal."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def _push(username: str, topic: str) -> str:
    return f"    git push origin HEAD:{username}/{topic}"


def _bytes(count: int) -> str:
    return f"{count:,} bytes"


# --- The push as a whole


def not_now(policy: dict[str, Any]) -> Refused:
    page = f"{policy['site']}/tasks/{policy['task']}/"
    return Refused(
        f"Refused: {policy['refusal']}",
        f"Claims are made on the task's page; push again after that: {page}",
        f"推送被拒绝：请先在任务页面认领此任务，再重新推送：{page}",
    )


def too_many_branches(live: int, most: int) -> Refused:
    return Refused(
        f"Refused: you have {live} open branches on this task, and {most} is the most.",
        "Push to one of them, or close a pull request first.",
        f"推送被拒绝：你在此任务上已有 {live} 个未结束的分支，上限为 {most} 个。",
    )


def too_much(what: str) -> Refused:
    return Refused(
        f"Refused: the push brings {what}. A solution is a few source files.",
        "Leave out generated files, and squash what came in by mistake: git rebase -i origin/main",
        "推送被拒绝：内容过多。请只提交源文件。",
    )


def not_unpacked(most: int) -> Refused:
    return Refused(
        "Refused: git could not unpack what you pushed; nothing was changed.",
        f"A push brings at most {_bytes(most)}, and no file or folder in it is named . or .. or .git.",
        "Leave out generated files, and squash what came in by mistake: git rebase -i origin/main",
        "If that is not it, tell the maintainers what git says beside this.",
        f"推送被拒绝：git 无法解包，未作改动。一次推送最多 {most} 字节，文件和目录不能名为 .、.. 或 .git。",
    )


def too_large(name: str, size: int, most: int) -> Refused:
    return Refused(
        f"Refused: {name or 'a file'} has {_bytes(size)}; the limit is {_bytes(most)}.",
        "If a later commit removed it again, it is still in the history: git rebase -i origin/main",
        f"推送被拒绝：文件 {name} 大小为 {size} 字节，上限为 {most} 字节（历史提交也计算在内）。",
    )


def our_fault(what: str) -> list[str]:
    return [
        "Refused: the check of your push failed on our side. It is not your fault; nothing was changed.",
        f"Try again in a minute; if it stays, tell the maintainers: {what[:300]}",
        "推送未被接受：服务器检查出错，不是你的问题，请稍后重试或联系维护者。",
    ]


# --- Names of branches


def no_deleting(branch: str) -> Refused:
    return Refused(
        f"Refused: {branch} cannot be deleted; reviews and verdicts refer to it.",
        "Close its pull request on the site if you give it up.",
        f"推送被拒绝：不能删除分支 {branch}；如需放弃，请在网站上关闭合并请求。",
    )


def not_for(ref: str, username: str) -> Refused:
    return Refused(
        f"Refused: {ref} is not needed here; push to a branch of your own:",
        _push(username, "my-solution"),
        "推送被拒绝：请推送到你自己的分支（命令如上）。",
    )


def only_branches(ref: str, username: str) -> Refused:
    return Refused(
        f"Refused: {ref} is not a branch. Only branches are taken, no tags or notes:",
        _push(username, "my-solution"),
        "推送被拒绝：只接受分支，不接受标签等其他引用。",
    )


def not_your_branch(branch: str, username: str, topic: str) -> Refused:
    return Refused(
        f"Refused: {branch} is not yours to push. Your branches begin with {username}/ :",
        _push(username, topic),
        f"推送被拒绝：{branch} 不属于你；你的分支必须以 {username}/ 开头（命令如上）。",
    )


def bad_topic(branch: str, username: str, topic: str) -> Refused:
    return Refused(
        f"Refused: {branch} cannot be a branch here. Behind {username}/ come 1 to 63 small letters, digits,",
        "dots, hyphens or underscores, beginning with a letter or digit; no further slash:",
        _push(username, topic),
        f"推送被拒绝：分支名只能是 {username}/ 加小写字母、数字、点、连字符或下划线（命令如上）。",
    )


def ended(username: str, topic: str, how: str) -> Refused:
    state, _, sha = how.partition(" ")
    said = f"was merged as {sha[:12]}" if state == "merged" else "is closed"
    said_zh = f"已合并（{sha[:12]}）" if state == "merged" else "已关闭"
    return Refused(
        f"Refused: the pull request of {username}/{topic} {said} and takes no more pushes.",
        "Begin a new one from the newest main, under another name:",
        f"    git fetch origin && git rebase origin/main && git push origin HEAD:{username}/{topic[:50]}-2",
        f"推送被拒绝：{username}/{topic} 的合并请求{said_zh}，不再接受推送；请换一个分支名。",
    )


# --- History


def not_a_commit(branch: str) -> Refused:
    return Refused(
        f"Refused: {branch} would not point at a commit.", f"推送被拒绝：{branch} 没有指向一个提交。"
    )


def unrelated(policy: dict[str, Any]) -> Refused:
    username, url = policy["username"], f"{policy['site']}/git/{policy['task']}.git"
    return Refused(
        "Refused: your commits share no history with main of this task. Bring your files into a clone of it:",
        f"    git clone {url}",
        f"    # copy your files to {policy['task']}/{_first_folder(policy)} and commit them there",
        _push(username, "my-solution"),
        "推送被拒绝：你的提交与本任务的 main 没有共同历史；请先克隆本仓库，再提交你的文件。",
    )


def nothing_to_judge(branch: str, policy: dict[str, Any]) -> Refused:
    return Refused(
        f"Refused: {branch} has nothing that main does not have, so there is nothing to judge.",
        f"Add your files under {_first_folder(policy)} and commit them: git add . && git commit",
        f"推送被拒绝：{branch} 与 main 相比没有改动，无可评测；请先提交你的文件。",
    )


# --- Files


def outside(names: list[str], count: int, policy: dict[str, Any]) -> Refused:
    more = [f"    … and {count - len(names)} more"] if count > len(names) else []
    allowed = "  ".join(policy["allowed"])
    return Refused(
        f"Refused: {count} changed file(s) outside what this task lets you change:",
        *(f"    {name}" for name in names),
        *more,
        f"Allowed: {allowed}",
        f"Move your files to {_first_folder(policy)} and undo the rest, then commit:",
        "    git checkout origin/main -- <changed file>",
        "    git rm --cached <new file>",
        f"推送被拒绝：有文件超出允许修改的范围；只能修改：{allowed}",
    )


def too_many_files(folder: str, most: int) -> Refused:
    return Refused(
        f"Refused: {folder} holds more than {most} files, which is the most for this task.",
        "Leave out generated files: git rm --cached <file>",
        f"推送被拒绝：{folder} 中的文件超过 {most} 个，即本任务的上限。",
    )


def too_large_together(total: int, most: int, name: str, size: int) -> Refused:
    return Refused(
        f"Refused: your files have {_bytes(total)} together; the limit of this task is {_bytes(most)}.",
        f"The largest is {name} with {_bytes(size)}.",
        f"推送被拒绝：你的文件共 {total} 字节，上限为 {most} 字节；最大的是 {name}。",
    )


def bad_name(name: str, why: str, why_zh: str) -> Refused:
    return Refused(
        f"Refused: the file name {name} is not taken: {why}.",
        "Rename it: git mv <old> <new> && git commit --amend --no-edit",
        f"推送被拒绝：文件名 {name} 不可用：{why_zh}。",
    )


def not_regular(name: str, kind: str) -> Refused:
    return Refused(
        f"Refused: {name} is {kind}; only regular files are taken.",
        "Put the file itself there, and commit again.",
        f"推送被拒绝：{name} 不是普通文件，不接受链接和子模块。",
    )


# --- Taken


def welcome(policy: dict[str, Any], topics: list[str]) -> list[str]:
    page = f"{policy['site']}/pulls/{policy['task']}/{policy['username']}"
    judged = ["The judge starts now; follow it live there.", "评测已开始，可在上面的页面实时查看。"]
    must_wait = policy["notice"] and not set(topics) <= set(policy["replaceable"])
    return [
        *(f"Pull request: {page}/{topic}/" for topic in topics),
        *(policy["notice"] if must_wait else judged),
    ]


def _first_folder(policy: dict[str, Any]) -> str:
    return str(policy["allowed"][0]).rstrip("*")
