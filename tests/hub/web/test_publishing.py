"""Maintainers publish and revise tasks from a form; mistakes are said by file, bad archives refused."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from hub import flow, jobs, publishing
from hub.bench.models import Job
from hub.catalog import archives
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import files_of
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import PatchSet
from hub.repos import git
from tasks.spec import read_folder
from tests import people
from tests.hub.conftest import TASKS
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems

FILES = read_folder(TASKS / "vector-add")


def zipped(files: Mapping[str, bytes], top: str = "", **attributes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(top + name)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = attributes.get("mode", stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    return out.getvalue()


def upload(data: bytes, **more: str) -> dict[str, Any]:
    return {"archive": SimpleUploadedFile("task.zip", data, "application/zip"), **more}


def form(files: Mapping[str, bytes], **more: str) -> dict[str, Any]:
    return {"name": list(files), "text": [data.decode() for data in files.values()], **more}


def test_an_archive_is_read_with_or_without_a_folder_around_it() -> None:
    junk = {"__MACOSX/._task.toml": b"\xff", "vector-add/.DS_Store": b"\0"}
    assert archives.unpacked(zipped(FILES, top="vector-add/")) == ("vector-add", FILES)
    assert archives.unpacked(zipped(FILES)) == ("", FILES)
    named = {f"vector-add/{name}": data for name, data in FILES.items()}
    assert archives.unpacked(zipped(named | junk)) == ("vector-add", FILES)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04 no", "no zip file"),
        (b"", "no zip file"),
        (zipped({}), "no file in it"),
        (zipped({"../task.toml": b""}), "not allowed"),
        (zipped({"/etc/passwd": b""}), "not allowed"),
        (zipped({"a\\..\\b": b""}), "not allowed"),
        (zipped({"task.toml": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), "link or a special file"),
        (zipped({"task.toml": b"\xff\xfe"}), "not UTF-8"),
        (zipped({"bomb.c": b"0" * (archives.BYTES_MOST + 1)}), "larger than 2 MiB"),
        (zipped({f"{n}.c": b"" for n in range(archives.FILES_MOST + 1)}), "more than 300 files"),
        (b"0" * (archives.ZIP_MOST + 1), "larger than 2 MiB"),
        (zipped({"a.c": b"", "A.c": b""}), "differ by case only"),
    ],
)
def test_a_bad_archive_is_refused_with_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        archives.unpacked(data)


def test_a_member_that_lies_about_its_size_is_cut_off_while_reading() -> None:
    honest = bytearray(zipped({"bomb.c": b"0" * (archives.BYTES_MOST + 1)}))
    at = honest.rindex(b"PK\x01\x02") + 24  # its length in the directory
    honest[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(BadInput):
        archives.unpacked(bytes(honest))


def test_only_maintainers_publish(story: Story, cast: people.Cast) -> None:
    before = TaskRevision.objects.count()
    for person in (cast.alice, cast.mei):
        visitor = Visitor(person)
        visitor.get("/publish/", status=403)
        visitor.get("/publish/task/vector-add/", status=403)
        for path in ("/publish/read/", "/publish/files/"):
            assert visitor.post(path, form(FILES, slug="x", do="publish")).status_code == 403
        with pytest.raises(NotAllowed):
            publishing.publish("vector-add", FILES, person)
    assert Visitor(None).post("/publish/files/").headers["location"].startswith("/login/")
    assert TaskRevision.objects.count() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_mistakes_are_said_by_file_and_key_and_what_was_typed_stays(
    story: Story, cast: people.Cast, language: str
) -> None:
    wrong = dict(FILES)
    wrong["task.toml"] = FILES["task.toml"].replace(b"level = ", b"level = 9 # <b>")
    del wrong["reference.py"]
    max_ = Visitor(cast.max, language)
    answer = max_.post("/publish/files/", form(wrong, slug="vector-add", do="publish"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<code>task.toml</code> <b>level</b>:" in page
    assert "<code>reference.py</code>" in page
    assert "level = 9 # &lt;b&gt;" in page
    assert problems(page) == []
    page = max_.post("/publish/read/", upload(zipped(wrong, "vector-add/"))).content.decode()
    assert "<code>task.toml</code> <b>level</b>:" in page
    assert TaskRevision.objects.count() == 1
    page = max_.get("/publish/")
    assert "/git/tasks.git all-tasks" in page
    assert problems(page) == []
    assert problems(max_.get("/publish/task/vector-add/")) == []
    assert "no zip file" in max_.send("/publish/read/", upload(b"rubbish")) or language != "en"


def test_a_revision_is_published_and_its_examples_are_judged_in_the_sandbox(
    story: Story, cast: people.Cast
) -> None:
    story.worker()
    base = story.task.current.digest
    changed = FILES | {"statement.en.md": FILES["statement.en.md"] + b"\nMore about it.\n"}
    max_ = Visitor(cast.max)
    checked = max_.send("/publish/files/", form(changed, slug="vector-add", base=base, do="check"))
    assert "not published yet" in checked
    assert TaskRevision.objects.count() == 1
    page = max_.send("/publish/files/", form(changed, slug="vector-add", base=base, do="publish"))
    story.task.refresh_from_db()
    assert files_of(story.task.current) == changed
    examples = PatchSet.objects.filter(pull__author__username="touchstone")
    assert {row.pull.topic for row in examples} == {"accept-simd", "accept-numpy"}
    assert {row.jobs.get().kind for row in examples} == {"check"}  # run by the judge, not here
    assert "accept-simd" in page
    assert PatchSet.objects.filter(pull__author__username="touchstone-rejects").count() == 4
    with pytest.raises(NotNow, match="published meanwhile"):
        publishing.publish("vector-add", FILES, cast.max, base)


@pytest.mark.slow
def test_a_revision_has_every_example_tried_once_more_as_it_is_now(story: Story, cast: people.Cast) -> None:
    story.worker()
    assert publishing.push_examples(story.task) == 2
    changed = FILES | {
        "examples/accept-simd/solution.c": FILES["examples/accept-simd/solution.c"] + b"// more\n"
    }
    publishing.publish("vector-add", changed, cast.max, story.task.current.digest)
    numbers = PatchSet.objects.filter(pull__author=publishing.house()).values_list("pull__topic", "number")
    assert sorted(numbers) == [(f"accept-{name}", number) for name in ("numpy", "simd") for number in (1, 2)]
    changes = (
        PatchSet.objects.filter(pull__author=publishing.house(), number=2)
        .order_by("pull__topic")
        .values_list("head_sha", flat=True)
    )
    texts = [git.content("vector-add", sha, "solutions/touchstone/solution.c") for sha in changes]
    assert [(text or b"").endswith(b"// more\n") for text in texts] == [False, True]
    assert publishing.push_examples(story.task) == 0


def test_a_name_or_text_that_no_task_may_have_is_refused(db: None) -> None:
    assert publishing.problems("../x", FILES)[0].file == ""
    assert publishing.problems("vector-add", FILES | {"a.c": b"\0"})[0].file == "a.c"
    assert publishing.problems("vector-add", FILES) == []


@pytest.mark.slow
def test_a_revision_has_the_same_examples_judged_by_its_rules_and_the_board_tells_of_older_ones(
    story: Story, cast: people.Cast
) -> None:
    story.worker()
    publishing.push_examples(story.task)
    story.push(cast.alice)
    story.run_all()
    old, board = story.task.current, f"/boards/vector-add/{HARDWARE}/"
    changed = FILES | {"statement.en.md": FILES["statement.en.md"] + b"\nMore about it.\n"}
    flow.publish_task("vector-add", changed)  # as `sync_tasks` does: nobody pushes examples there
    assert "By the rules before" in Visitor(None).get(board)
    assert f'href="{board}"' in Visitor(None).get("/tasks/vector-add/").partition('id="board"')[2]
    jobs.run_rules()
    queued = story.live()
    assert {(job.patch_set.pull.author.is_house, job.priority) for job in queued} == {
        (True, Job.Priority.HOUSE)
    }
    assert {job.revision for job in queued}.isdisjoint({old})
    story.run_all()
    assert jobs.run_rules() == 0
    assert publishing.outdated_examples() == []
    page = Visitor(None).get(board)
    assert "house example" in page
    assert "By the rules before" in page  # until somebody else stands there
    assert publishing.push_examples(Task.objects.get(slug="vector-add")) == 0
