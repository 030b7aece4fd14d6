"""Threads, suggestions, complaints of a compiler and both layouts of a change, as the pages show them."""

from __future__ import annotations

import pytest

from bench_runner.contract import CaseResult
from hub.bench.models import Verdict
from hub.pulls import actions, threads
from hub.pulls.models import Comment, PatchSet
from hub.web.complaints import complaints, linked
from tests.hub.replay import played_once
from tests.hub.story import SOLUTION, Story
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast

PATH = f"solutions/alice/{SOLUTION}"
BLOCK = "```suggestion\nint <b> = 2;\n```"
LOG = "gcc -O3\n./solution.c:2:5: error: unknown <type>\nnotes (3 of 4)\n"


@played_once
def talked_about(story: Story, cast: Cast) -> PatchSet:
    """alice's second patch set, which does not build, with threads on both."""
    story.worker()
    first = story.push(cast.alice, files={SOLUTION: b"int a;\nint b;\nint c;\n"})
    actions.comment(first, cast.mei, "An older word", PATH, line=1)
    second = story.push(cast.alice, files={SOLUTION: b"int a;\nint bb;\nint c;\nint d;\n"})
    threads.answer(actions.comment(second, cast.mei, f"Try\n{BLOCK}", PATH, line=2), cast.bob, "Yes, do")
    actions.comment(second, cast.mei, BLOCK, PATH, line=3)
    story.run(story.live(patch_set=second)[0], "build_failed", log=LOG, cases=[CaseResult("tiny", False)])
    return second


def pages(patch_set: PatchSet) -> list[str]:
    pull = f"/pulls/{patch_set.pull_id}/"
    return [pull, f"{pull}diff/", f"{pull}diff/?view=split", f"{pull}diff/?patch_set=2&since=1&view=split"]


@pytest.mark.parametrize(
    "name", ["alice", *(pytest.param(name, marks=pytest.mark.slow) for name in (None, "mei"))]
)
def test_everybody_reads_threads_in_both_layouts(
    talked_about: PatchSet, cast: Cast, name: str | None
) -> None:
    visitor = Visitor(getattr(cast, name) if name else None)
    for path in pages(talked_about):
        page = visitor.get(path)
        assert problems(page) == []
        assert "Suggested change" in page
        assert "int &lt;b&gt; = 2;" in page
        assert page.index("Suggested change") < page.index("Yes, do")
        assert ("Commit it to my branch" in page) == (name == "alice")
        assert ('name="body"' in page) == (name is not None)


@pytest.mark.slow
def test_the_author_takes_over_all_that_is_suggested_at_once(talked_about: PatchSet, cast: Cast) -> None:
    visitor = Visitor(cast.alice)
    page = visitor.get(pages(talked_about)[1])
    assert "2 suggestions are open." in page
    keys = list(Comment.objects.filter(body__contains="suggestion").values_list("pk", flat=True))
    page = visitor.send(f"/pulls/{talked_about.pull_id}/apply/", {"comment": keys})
    assert "Committed to your branch" in page
    assert PatchSet.objects.filter(pull=talked_about.pull).count() == 3
    assert "taken over" in visitor.get(f"{pages(talked_about)[1]}?patch_set=2")
    assert "older patch set" in visitor.send(f"/pulls/{talked_about.pull_id}/apply/", {"comment": keys})


def test_open_threads_of_earlier_patch_sets_are_named_until_they_are_resolved(
    talked_about: PatchSet, cast: Cast
) -> None:
    visitor = Visitor(cast.alice)
    where = pages(talked_about)[1]
    assert "1 thread of an earlier patch set is open:" in visitor.get(where)
    remark = Comment.objects.get(body="An older word")
    answer = visitor.post(f"/comments/{remark.pk}/resolve/", {"next": where})
    assert answer.headers["location"] == f"{where}#comment-{remark.pk}"
    page = visitor.get(where)
    assert "thread of an earlier patch set" not in page
    assert "resolved by alice" in visitor.get(f"{where}?patch_set=1")
    visitor.send(f"/comments/{remark.pk}/unresolve/", {"next": where})
    assert "1 thread of an earlier patch set is open:" in visitor.get(where)


MATRIX = {"answer": ("alice", "bob", "mei", "max"), "resolve": ("alice", "mei", "max"), "apply": ("alice",)}


@pytest.mark.parametrize(
    "name", ["alice", "bob", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mei", "max"))]
)
def test_each_form_takes_the_right_people(talked_about: PatchSet, cast: Cast, name: str) -> None:
    remark = Comment.objects.filter(thread=None).last()
    assert remark is not None
    visitor = Visitor(getattr(cast, name))
    forms = {
        "answer": (f"/comments/{remark.pk}/answer/", {"body": "So?"}),
        "resolve": (f"/comments/{remark.pk}/resolve/", {}),
        "apply": (f"/pulls/{talked_about.pull_id}/apply/", {"comment": [remark.pk]}),
    }
    for what, (path, data) in forms.items():
        assert visitor.client.get(path).status_code == 405
        assert visitor.post(path, data).status_code == (302 if name in MATRIX[what] else 403)
        assert "?next=" in Visitor(None).post(path, data).headers["location"]


def test_what_the_compiler_says_stands_at_its_line_and_the_log_leads_there(
    talked_about: PatchSet, cast: Cast
) -> None:
    overview, changes, split, _since = (Visitor(None).get(path) for path in pages(talked_about))
    for page in (changes, split):
        assert page.index("int</span> bb") < page.index("unknown &lt;type&gt;") < page.index("int</span> c;")
        assert "the compiler complains of 1 line" in page
    link = overview.split('">./solution.c:2:5</a>: error: unknown &lt;type&gt;')[0].rpartition('href="')[2]
    anchor = link.rpartition("#")[2]
    assert link.startswith(f"/pulls/{talked_about.pull_id}/diff/?patch_set=2&amp;open=solutions%2Falice")
    assert f'id="{anchor}"' in changes
    assert f'id="{anchor}"' in split


def test_places_are_read_from_logs_of_all_kinds() -> None:
    log = """\
deep/part.h:1:9: fatal error: no <such> file
solution.cu(6): error: identifier "z" is undefined
solution.c:7:1: warning: unused
  File "/src/solution.py", line 3
solution.c: In function 'f':
<script>:1:1: error: x
"""
    assert [(one.path, one.line, one.is_error) for one in complaints(log)] == [
        ("deep/part.h", 1, True),
        ("solution.cu", 6, True),
        ("solution.c", 7, False),
    ]
    html = linked(log, lambda path, line: f"{path}-{line}?a&b")
    assert html.count("<a ") == 4
    assert '  File &quot;<a href="solution.py-3?a&amp;b">/src/solution.py</a>&quot;, line 3' in html
    assert "&lt;script&gt;:1:1: error: x" in html


def test_a_log_of_nothing_but_strange_lines_is_read_quickly_and_whole() -> None:
    log = "a/" * 200_000 + "\n" + "\n".join(f"x.c:{n}:1: error: e" for n in range(1, 400))
    assert len(complaints(log)) == 200
    assert linked(log, lambda path, line: "").startswith("a/a/")


def test_a_verdict_keeps_its_log_as_it_was(talked_about: PatchSet) -> None:
    assert Verdict.objects.get().log == LOG
