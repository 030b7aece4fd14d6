"""Courses: a mistake in the folder is a sentence; what the lessons show runs; the exercises are fit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.__main__ import main
from tasks.spec import ROOT, Lesson, TaskError, course_folders, exercise_folders, load_course, load_folder
from tests.tasks.folders import edit

REPOSITORY = Path(__file__).parents[2]
COURSES = {folder.name: load_course(folder) for folder in course_folders(ROOT)}
LESSONS = [lesson for course in COURSES.values() for lesson in course.lessons]
EXERCISES = [folder.name for folder in exercise_folders(ROOT)]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMPILER = ("gcc", "-std=c17", "-O3", "-march=native", "-fopenmp", "-Wall", "-Werror")

Change = Callable[[Path], None]


def blocks(text: str, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(text) if name == language]


def test_the_two_courses_are_there_with_six_graded_exercises_or_more() -> None:
    assert list(COURSES) == ["first-operator", "porting-pytorch"]
    for course in COURSES.values():
        assert sum(lesson.exercise for lesson in course.lessons) >= 6
        assert course.title.get("zh-hans") != course.title.get("en")
    assert sorted(EXERCISES) == sorted(lesson.slug for lesson in LESSONS if lesson.exercise)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_both_languages_show_the_same_code(lesson: Lesson) -> None:
    assert BLOCK.findall(lesson.text.en) == BLOCK.findall(lesson.text.zh)
    assert lesson.text.en.count("\n## ") == lesson.text.zh.count("\n## ")
    assert lesson.text.en.count("$$") == lesson.text.zh.count("$$")


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
def test_the_code_of_a_lesson_runs(lesson: Lesson, tmp_path: Path) -> None:
    """Its Python as one program, in the order of the page; each C block that begins with an include."""
    program = tmp_path / "lesson.py"
    program.write_text("\n".join(blocks(lesson.text.en, "python")))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, program], cwd=tmp_path, env=environment, check=True, timeout=120)
    for code in blocks(lesson.text.en, "c"):
        if not code.startswith("#include"):
            continue  # an excerpt
        (tmp_path / "shown.c").write_text(code)
        whole = "int main(" in code
        built = [*COMPILER, *(() if whole else ("-c",)), "-o", "shown", "shown.c", "-lm"]
        subprocess.run(built, cwd=tmp_path, check=True)
        if whole:
            subprocess.run(["./shown"], cwd=tmp_path, check=True, timeout=60)


@pytest.mark.parametrize(
    "slug",
    [pytest.param(slug, marks=() if slug == "contiguous-loops" else pytest.mark.slow) for slug in EXERCISES],
)
def test_every_exercise_is_fit_to_be_published(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", slug])
    printed = capsys.readouterr().out
    assert (status, printed.splitlines()[-1]) == (0, "1 of 1 tasks are fit to be published"), printed


def test_an_exercise_leaves_out_what_all_of_them_have() -> None:
    task = load_folder(ROOT / "courses" / "first-operator" / "exact-sums")
    assert (task.points, task.claim.policy, task.hardware, task.speed.target) == (1, "open", ("cpu",), 0.05)
    assert load_folder(ROOT / "courses" / "first-operator" / "avx2-intrinsics").hardware == ("cpu-x86",)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of a course that a test may break."""
    folder = tmp_path / "courses" / "first-operator"
    shutil.copytree(ROOT / "courses" / "first-operator", folder)
    return folder


def test_a_sound_copy_has_no_problem(course: Path) -> None:
    assert load_course(course).lessons == COURSES["first-operator"].lessons


CHANGES: list[tuple[Change, str]] = [
    (lambda at: (at / "threads.zh.md").unlink(),
     "threads.zh.md: missing; write the lesson, or delete it from course.toml"),
    (lambda at: (at / "threads.en.md").write_text("# Threads\n\nSoon."),
     "threads.en.md: 16 characters; explain the lesson in 600 or more"),
    (lambda at: shutil.copy(at / "threads.en.md", at / "threads.zh.md"),
     "threads.zh.md: hardly any Chinese characters; write the Chinese lesson in Chinese"),
    (lambda at: (at / "threads.zh.md").write_bytes(b"\xff" * 400),
     "threads.zh.md: byte 0: not UTF-8; save the file as UTF-8"),
    (lambda at: edit(at, "threads.en.md", "# Threads, and when they pay\n", ""),
     "threads.en.md: line 1: ''; begin with the title, # Like this"),
    (lambda at: edit(at, "threads.zh.md", "```sh\n", "```text\n"),
     "threads.zh.md: 2 code blocks, the English lesson has 2, or their languages differ; show the same code"),
    (lambda at: edit(at, "course.toml", 'slug = "threads"', 'slug = "exact-sums"'),
     "course.toml: lesson: 'exact-sums' is there twice; delete one of them"),
    (lambda at: edit(at, "course.toml", 'slug = "threads"', 'slug = "Threads"'),
     "course.toml: lesson[7].slug: 'Threads' is not accepted; name its files: <slug>.en.md and <slug>.zh.md"),
    (lambda at: edit(at, "course.toml", "order = 1", "order = 0"),
     "course.toml: order: 0 is not an integer from 1 to 1000; give its place in the list of courses"),
    (lambda at: edit(at, "course.toml", "order = 1", "order = 1\nlevel = 2"),
     "course.toml: level: unknown key; known are format, lesson, order, summary, title"),
    (lambda at: (at / "notes.md").write_text("x"),
     "notes.md: no lesson has it; add a [[lesson]] with that slug to course.toml, or delete it"),
    (lambda at: (at / "exact-sums" / "task.toml").unlink(),
     "exact-sums: no task.toml; an exercise is a task folder, see tasks/README.md"),
    (lambda at: (at / "course.toml").unlink(),
     "course.toml: missing; "),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), CHANGES, ids=[sentence[:40] for _, sentence in CHANGES])
def test_a_mistake_is_a_sentence_with_file_value_and_cure(
    course: Path, change: Change, sentence: str
) -> None:
    change(course)
    with pytest.raises(TaskError) as refused:
        load_course(course)
    assert f"tasks/courses/first-operator/{sentence}" in "\n".join(refused.value.problems)


def test_the_check_of_everything_reports_courses_too(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in exercise_folders(course.parents[1]):
        shutil.rmtree(folder)
    edit(course, "course.toml", "order = 1", "order = 0")
    vector_add = course.parents[1] / "vector-add"
    shutil.copytree(ROOT / "vector-add", vector_add)
    (vector_add / "inputs.py").unlink()  # so that nothing of it is run
    assert main(["check", "--root", str(course.parents[1])]) == 1
    assert "FAILED tasks/courses/first-operator/course.toml: order: 0" in capsys.readouterr().out


def test_what_a_task_requires_must_be_there_and_the_task_must_be_claimed(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = course.parents[1]
    shutil.copytree(ROOT / "vector-add", root / "vector-add")
    edit(root / "vector-add", "task.toml", 'kind = "operator"', 'kind = "operator"\nrequires = ["exact-sum"]')
    assert main(["check", "--root", str(root), "vector-add"]) == 1
    open_to_all = (
        "vector-add/task.toml: requires: the task is open: whoever pushes has claimed it; use policy ="
    )
    assert open_to_all in capsys.readouterr().out
    edit(root / "vector-add", "task.toml", 'policy = "open"', 'policy = "exclusive"')
    (root / "vector-add" / "inputs.py").write_text("import nothing_like_this\n")  # so that nothing is run
    assert main(["check", "--root", str(root), "vector-add"]) == 1
    said = capsys.readouterr().out
    assert (
        "task.toml: requires: no course or exercise is called 'exact-sum'; use of autovectorisation" in said
    )
