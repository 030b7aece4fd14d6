"""A folder becomes a task; the same files change nothing; strangers' markup stays text."""

from __future__ import annotations

import subprocess
import time

import pytest

from hub.accounts.models import User
from hub.catalog import actions, queries
from hub.catalog.markup import render_markdown
from hub.catalog.models import Task, TaskRevision
from hub.catalog.repository import first_tree
from hub.core.errors import NotNow
from tasks.bundle import write_files
from tasks.spec import TaskError, load_files, read_folder
from tests.hub.conftest import TASKS


@pytest.fixture
def folder(db):
    return read_folder(TASKS / "vector-add")


def test_publishing_twice_makes_one_revision(folder):
    first = actions.publish("vector-add", folder)
    assert actions.publish("vector-add", folder) == first
    assert TaskRevision.objects.count() == 1
    assert queries.files_of(first) == folder


def test_a_changed_statement_is_a_new_revision_and_the_old_one_stays(folder):
    old = actions.publish("vector-add", folder)
    folder["statement.en.md"] += b"\nOne more hint.\n"
    new = actions.publish("vector-add", folder)
    assert new.task.current == new
    assert set(new.task.revisions.all()) == {old, new}


def test_a_malformed_task_is_refused_with_file_key_and_cure(folder):
    folder["task.toml"] = folder["task.toml"].replace(b"level = 1", b"level = 9")
    with pytest.raises(TaskError, match=r"task\.toml: level: 9"):
        actions.publish("vector-add", folder)
    assert not Task.objects.exists()


def test_an_id_belongs_to_one_task(folder):
    actions.publish("vector-add", folder)
    with pytest.raises(NotNow, match="belongs to the task vector-add"):
        actions.publish("vector-sum", folder)


def test_a_name_in_the_folder_makes_a_mentor_of_those_alone_who_have_the_role(folder):
    person = User.objects.create_user("mentor")  # a stranger took the name that the folder mentions
    assert not actions.publish("vector-add", folder).task.mentors.exists()
    User.objects.filter(pk=person.pk).update(is_mentor=True)
    assert list(actions.publish("vector-add", folder).task.mentors.all()) == [person]


def test_the_statement_shows_maths_without_javascript(make_task):
    html = queries.statement_html(make_task().current, "en")
    assert "<math" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "$\\href{javascript:alert(1)}{x}$",
        '```"><script>alert(1)</script>\nx\n```',
        "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    ],
)
def test_markup_of_strangers_stays_text(text):
    html = render_markdown(text)
    for live in ("<script", "<img", 'href="javascript', 'onerror=alert(1)>"'):
        assert live not in html


@pytest.mark.parametrize(
    "text",
    ["```c\n" + "\n " * 10_000 + "x\n```", "```perl\n" + '"\\' * 10_000 + "x\n```", "$" + "x^" * 5_000 + "$"],
    ids=["blank lines", "quotes of a language that we do not colour", "maths"],
)
def test_a_hostile_text_is_rendered_in_no_time(text):
    began = time.process_time()
    render_markdown(text)
    assert time.process_time() - began < 3


def test_code_keeps_its_blank_lines_and_colours():
    html = render_markdown("```python\n\n" + "x = 1\n" * 300 + "\n\ndef f(): ...\n```")
    assert html.count("\n") >= 304
    assert '<span class="k">def</span>' in html
    assert "a &lt; b" in render_markdown("```\na < b\n```")


def test_broken_maths_is_shown_as_code():
    assert "<code>" in render_markdown("$\\frac{1$") or "<math" in render_markdown("$\\frac{1$")


def test_the_commands_of_the_first_readme_work_as_they_are_typed(folder, tmp_path):
    tree = first_tree(load_files("vector-add", folder), folder, "http://hub.example")
    write_files(tree, tmp_path)
    recipe = tree["README.md"].decode().split("```")[1]
    typed = [line for line in recipe.splitlines() if not line.startswith(("#", "git "))]
    subprocess.run(["sh", "-e", "-c", "\n".join(typed)], cwd=tmp_path, check=True, timeout=10)
    assert (tmp_path / "solutions/YOUR-NAME/solution.c").read_bytes() == tree["starter/c/solution.c"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("每行一句，\n接着写", "每行一句，接着写"),
        ("中文**粗体**\n后文", "中文<strong>粗体</strong>后文"),
        ("中文\nand words\n混排", "中文\nand words\n混排"),
    ],
)
def test_a_line_that_ends_between_chinese_characters_leaves_no_space(text: str, shown: str) -> None:
    assert render_markdown(text) == f"<p>{shown}</p>\n"
