"""Courses: folders of lessons, and what an exercise may leave out of its task.toml. Standard library only.

Not in charge of exercises themselves: each is an ordinary task folder, read by `reading.py`.

    courses/<course>/course.toml             title, summary, the lessons in their order
    courses/<course>/<lesson>.en.md  .zh.md  the lesson; its first line is its title
    courses/<course>/<lesson>/               its exercise, if it has one: a task folder of kind "exercise"
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.bundled import both, open_toml
from tasks.fields import Section
from tasks.model import FORMAT, TaskError, Text

COURSES = "courses"  # the folder of them, beside the tasks
SLUG = r"[a-z0-9][a-z0-9-]{1,62}"
LESSON_CHARACTERS = Text(en="600", zh="300")  # Chinese says the same in half the characters
HEADING = re.compile(r"# +(\S.*)")
FENCE = re.compile(r"^```(\w*)", re.MULTILINE)

# What every exercise has, unless it says otherwise. A key of a table that it has is kept.
EXERCISE: dict[str, Any] = {
    "level": 1,
    "points": 1,
    "sig": "learning",
    "license": "Apache-2.0",
    "mentors": ["mentor"],
    "claim": {"policy": "open"},
    "paths": {"allowed": ["solutions/{username}/*"], "max_files": 10, "max_bytes": 65536},
    "hardware": {"classes": ["cpu"]},
    "limits": {
        "build_seconds": 30,
        "check_seconds": 30,
        "time_seconds": 20,
        "call_seconds": 2,
        "memory_mb": 512,
    },
    # Below 1: being right is enough. An exercise that is about speed gives a target of its own.
    "speed": {"target": 0.05, "case_floor": 0.05},
}


@dataclass(frozen=True)
class Lesson:
    slug: str
    title: Text
    text: Text  # Markdown, the title included
    minutes: int  # that it takes, the exercise included
    exercise: bool  # it has one, of the same slug


@dataclass(frozen=True)
class Course:
    slug: str
    title: Text
    summary: Text
    order: int  # its place in the list of courses
    lessons: tuple[Lesson, ...]


def fill_exercise(table: dict[str, Any]) -> dict[str, Any]:
    """The task.toml of an exercise with what it left out."""
    filled = {**EXERCISE, **table}
    for key, usual in EXERCISE.items():
        if isinstance(usual, dict) and isinstance(filled[key], dict):
            filled[key] = {**usual, **filled[key]}
    return filled


def course_folders(root: str | os.PathLike[str]) -> Iterator[Path]:
    """The courses beside the tasks in `root`, by name."""
    return (path.parent for path in sorted(Path(root, COURSES).glob("*/course.toml")))


def exercise_folders(root: str | os.PathLike[str]) -> Iterator[Path]:
    """The exercises of all courses, by course and name."""
    return (path.parent for path in sorted(Path(root, COURSES).glob("*/*/task.toml")))


def every_folder(root: str | os.PathLike[str]) -> list[Path]:
    """The folders of all tasks, those of exercises last."""
    tasks = [path.parent for path in sorted(Path(root).glob("*/task.toml"))]
    return [*tasks, *exercise_folders(root)]


def root_of(folder: Path) -> Path:
    """Where the tasks lie, beside the folder of a task or below it that of an exercise."""
    return folder.parents[2] if folder.parents[1].name == COURSES else folder.parent


def load_course(path: str | os.PathLike[str]) -> Course:
    """The course in a folder; its name is the slug.

    Raises:
        TaskError: with every problem found.
    """
    folder = Path(path).resolve()
    where, problems = f"tasks/{COURSES}/{folder.name}", list[str]()
    file = folder / "course.toml"
    top = open_toml(f"{where}/course.toml", file.read_bytes() if file.is_file() else None, problems)
    if top is None:
        raise TaskError(problems)
    if not re.fullmatch(SLUG, folder.name):
        problems.append(f"{where}: {folder.name!r} is no name of a course; use a-z, 0-9 and -")
    top.integer("format", f"this version reads format {FORMAT}", FORMAT, FORMAT)
    course = Course(
        slug=folder.name,
        title=both(top, "title"),
        summary=both(top, "summary"),
        order=top.integer("order", "give its place in the list of courses", 1, 1000),
        lessons=tuple(
            _lesson(folder, where, section, problems)
            for section in top.sections(
                "lesson", "give a [[lesson]] with slug and minutes for each, in order"
            )
        ),
    )
    top.no_others()
    _check_strangers(folder, where, course, problems)
    if problems:
        raise TaskError(problems)
    return course


def _lesson(folder: Path, where: str, section: Section, problems: list[str]) -> Lesson:
    slug = section.text("slug", "name its files: <slug>.en.md and <slug>.zh.md", pattern=SLUG)
    minutes = section.integer("minutes", "say how long it takes", 1, 600)
    section.no_others()
    texts = {language: _text(folder, where, slug, language, problems) for language in ("en", "zh")}
    titles = {language: HEADING.match(text) for language, text in texts.items()}
    for language, title in titles.items():
        if slug and texts[language] and not title:
            first = texts[language].splitlines()[0]
            problems.append(
                f"{where}/{slug}.{language}.md: line 1: {first!r}; begin with the title, # Like this"
            )
    if all(texts.values()) and FENCE.findall(texts["en"]) != FENCE.findall(texts["zh"]):
        counts = [len(FENCE.findall(text)) // 2 for text in texts.values()]
        fault = f"{counts[1]} code blocks, the English lesson has {counts[0]}, or their languages differ"
        problems.append(f"{where}/{slug}.zh.md: {fault}; show the same code in both")
    return Lesson(
        slug=slug,
        title=Text(*(title[1].strip() if title else "" for title in titles.values())),
        text=Text(**texts),
        minutes=minutes,
        exercise=bool(slug) and (folder / slug / "task.toml").is_file(),
    )


def _text(folder: Path, where: str, slug: str, language: str, problems: list[str]) -> str:
    """The lesson in a language; empty with a problem if it is not there or says too little."""
    if not slug:
        return ""
    name, least = f"{slug}.{language}.md", int(LESSON_CHARACTERS.get(language))
    try:
        text = (folder / name).read_text("utf-8")
    except FileNotFoundError:
        problems.append(f"{where}/{name}: missing; write the lesson, or delete it from course.toml")
        return ""
    except UnicodeDecodeError as error:
        problems.append(f"{where}/{name}: byte {error.start}: not UTF-8; save the file as UTF-8")
        return ""
    if len(text) < least:
        problems.append(f"{where}/{name}: {len(text)} characters; explain the lesson in {least} or more")
    if language == "zh" and sum("\u4e00" <= letter <= "\u9fff" for letter in text) < least // 2:
        problems.append(f"{where}/{name}: hardly any Chinese characters; write the Chinese lesson in Chinese")
    return text


def _check_strangers(folder: Path, where: str, course: Course, problems: list[str]) -> None:
    """Every lesson once, and nothing in the folder that no lesson names."""
    slugs = [lesson.slug for lesson in course.lessons if lesson.slug]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    problems += [
        f"{where}/course.toml: lesson: {slug!r} is there twice; delete one of them" for slug in twice
    ]
    known = {f"{slug}.{language}.md" for slug in slugs for language in ("en", "zh")}
    known |= {*slugs, "course.toml", "__pycache__"}
    for found in sorted(folder.iterdir()):
        if found.name not in known:
            cure = "add a [[lesson]] with that slug to course.toml, or delete it"
            problems.append(f"{where}/{found.name}: no lesson has it; {cure}")
        elif found.is_dir() and found.name in slugs and not (found / "task.toml").is_file():
            problems.append(
                f"{where}/{found.name}: no task.toml; an exercise is a task folder, see tasks/README.md"
            )
