"""The submissions bundled with a task: baselines, starters, examples. Standard library only.

Not in charge of task.toml itself (`reading.py`) nor of whether they do what they should (`check.py`).
Every function appends what is wrong to the shared list of problems.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from tasks import languages
from tasks.bundle import under
from tasks.fields import Section
from tasks.model import VERDICTS, Entry, Example, Text

CHINESE = r"(?s).*[\u4e00-\u9fff].*"  # at least a character of it


def open_toml(file: str, content: bytes | None, problems: list[str]) -> Section | None:
    if content is None:
        problems.append(f"{file}: missing; every task and example needs it, see tasks/README.md")
        return None
    try:
        return Section(file, "", tomllib.loads(content.decode("utf-8")), problems)
    except UnicodeDecodeError as error:
        problems.append(f"{file}: byte {error.start}: not UTF-8; save the file as UTF-8")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.append(f"{file}: not TOML: {error}; correct the line")
    return None


def both(top: Section, key: str) -> Text:
    section = top.section(key, "give it in English (en) and Chinese (zh)")
    if not section.table and key not in top.table:
        return Text("", "")
    text = Text(
        section.text("en", "write it in English"),
        section.text("zh", "write it in Chinese", pattern=CHINESE),
    )
    section.no_others()
    return text


def check_language_folders(where: str, files: Mapping[str, bytes], entry: Entry, problems: list[str]) -> None:
    """A baseline for each device in its language, and a starter in every language of the entry."""
    wanted = [(f"starter/{id}", id) for id in entry.languages]
    wanted += [("baseline", id) for id in (entry.baseline, entry.gpu_baseline) if id]
    for folder, id in wanted:
        name = languages.LANGUAGES[id].entry
        if f"{folder}/{name}" not in files:
            problems.append(f"{where}/{folder}/{name}: missing; write it, or correct [entry] in task.toml")


def examples(
    where: str, files: Mapping[str, bytes], entry: Entry, problems: list[str]
) -> tuple[Example, ...]:
    names = sorted({name.split("/")[0] for name in under(files, "examples")})
    found = [_example(f"{where}/examples/{name}", name, files, entry, problems) for name in names]
    for kind, why in (("accept-", "a solution that passes"), ("reject-", "a known-wrong one that fails")):
        if not any(name.startswith(kind) for name in names):
            problems.append(f"{where}/examples: no {kind}* folder; add {why}, with expect.toml")
    return tuple(example for example in found if example)


def _example(
    where: str, name: str, files: Mapping[str, bytes], entry: Entry, problems: list[str]
) -> Example | None:
    content = under(files, f"examples/{name}")
    top = open_toml(f"{where}/expect.toml", content.get("expect.toml"), problems)
    if top is None:
        return None
    verdict = top.choice("verdict", VERDICTS)
    accept = name.startswith("accept-")
    if verdict and (not name.startswith(("accept-", "reject-")) or accept != (verdict == "passed")):
        top.problem("verdict", f"{verdict!r} in {name!r}", "call it accept-* if it must pass, else reject-*")
    found = languages.of_files(content, entry.languages)
    if len(found) != 1:
        entries = ", ".join(languages.LANGUAGES[id].entry for id in entry.languages)
        problems.append(f"{where}: {len(found)} entry files; have exactly one of {entries}")
    reason = top.text("reason", "give the id of the reason, or leave it out", default="any")
    about = both(top, "about")
    top.no_others()
    return Example(name, found[0] if found else "", verdict, "" if reason == "any" else reason, about)
