"""Reading the changes, remarks on lines, reviews: shown right, taken from the right people, never lost."""

from __future__ import annotations

import pytest
from django.test import Client

from hub import flow
from hub.pulls import actions as pulls
from hub.pulls.models import Comment, PatchSet, PullRequest, Review
from hub.repos import git
from hub.web.diffs import LONG_FILE, Spot, diff_between
from tests import people
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web import scenes
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems

LOGIN, REFUSED, DONE, AGAIN = "to the log-in", 403, 302, 422
SOLUTION = "solutions/alice/solution.c"
CODE = b"int a;\nint b;\nint c;\n"


def diff(pull: PullRequest, more: str = "") -> str:
    return f"/pulls/{pull.pk}/diff/{more}"


@played_once
def pushed(story: Story, cast: people.Cast) -> PatchSet:
    """alice's patch set, passed, with two files."""
    story.worker()
    patch_set = story.push(cast.alice, files={"solution.c": CODE, "notes.md": b"# Notes\n"})
    story.run_all()
    return patch_set


# Who may


FORMS = {
    "comment": ("comment/", {"body": "A word"}),
    "comment on a line": ("comment/", {"body": "A word", "spot": f"{SOLUTION}:2"}),
    "review by a comment": ("review/", {"kind": "comment", "body": "A word"}),
    "ask for changes": ("review/", {"kind": "changes", "body": "The tail"}),
    "approve": ("review/", {"kind": "approve", "body": ""}),
    "merge": ("merge/", {}),
    "run again": ("rerun/", {}),
    "close": ("close/", {}),
    "reopen": ("reopen/", {}),
}
# The pull request is alice's and passed. 302 with a refusal in words counts as answered.
MATRIX = {
    "comment": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
    "comment on a line": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
    "review by a comment": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
    "ask for changes": {"alice": REFUSED, "bob": REFUSED, "mei": DONE, "max": DONE},
    "approve": {"alice": REFUSED, "bob": REFUSED, "mei": DONE, "max": DONE},
    "merge": {"alice": REFUSED, "bob": REFUSED, "mei": REFUSED, "max": DONE},
    "run again": {"alice": DONE, "bob": REFUSED, "mei": REFUSED, "max": DONE},
    "close": {"alice": DONE, "bob": REFUSED, "mei": REFUSED, "max": DONE},
    "reopen": {"alice": DONE, "bob": REFUSED, "mei": REFUSED, "max": DONE},
}


@pytest.mark.parametrize(
    "name", ["alice", "mei", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bob", "max"))]
)
def test_each_form_takes_the_right_people(pushed: PatchSet, cast: people.Cast, name: str) -> None:
    visitor = Visitor(getattr(cast, name))
    got = {}
    for what, (form, data) in FORMS.items():
        answer = visitor.post(f"/pulls/{pushed.pull_id}/{form}", {"patch_set": "1", **data})
        got[what] = answer.status_code
    assert got == {what: who[name] for what, who in MATRIX.items()}


def test_a_stranger_logs_in_first_and_nothing_is_said(pushed: PatchSet) -> None:
    for form, data in FORMS.values():
        answer = Client().post(f"/pulls/{pushed.pull_id}/{form}", {"patch_set": "1", **data})
        assert answer.headers["location"].startswith("/login/?next=")
    assert not Comment.objects.exists()
    assert not Review.objects.exists()


def test_a_form_is_not_to_be_fetched(pushed: PatchSet, cast: people.Cast) -> None:
    for form, _data in FORMS.values():
        assert Visitor(cast.max).client.get(f"/pulls/{pushed.pull_id}/{form}").status_code == 405


def test_the_review_box_says_why_it_is_closed(pushed: PatchSet, cast: people.Cast) -> None:
    assert "This is your own work: somebody else reviews it." in Visitor(cast.alice).get(diff(pushed.pull))
    assert "Only mentors and maintainers review." in Visitor(cast.bob).get(diff(pushed.pull))
    assert "Log in to review or comment." in Visitor(None).get(diff(pushed.pull))
    pulls.close(pushed.pull, cast.alice)
    assert "This pull request is closed: there is nothing to review." in Visitor(cast.mei).get(
        diff(pushed.pull)
    )


# Reviews


def test_a_refused_review_keeps_its_words(story: Story, pushed: PatchSet, cast: people.Cast) -> None:
    visitor = Visitor(cast.mei)
    page = visitor.send(f"/pulls/{pushed.pull_id}/review/", {"patch_set": "1", "kind": "changes"}, AGAIN)
    assert "Say what should change" in page
    story.push(cast.alice)
    data = {"patch_set": "1", "kind": "approve", "body": "I have read <all> of it"}
    page = visitor.send(f"/pulls/{pushed.pull_id}/review/", data, AGAIN)
    assert "Patch set 2 was pushed meanwhile; you were looking at 1." in page
    assert "I have read &lt;all&gt; of it" in page
    assert not Review.objects.exists()


@pytest.mark.parametrize("data", [{"kind": "no such kind"}, {}])
def test_an_unknown_kind_of_review_is_refused_in_words(
    pushed: PatchSet, cast: people.Cast, data: dict[str, str]
) -> None:
    page = Visitor(cast.mei).send(f"/pulls/{pushed.pull_id}/review/", {"patch_set": "1", **data}, AGAIN)
    assert "is no kind of review" in page


@pytest.mark.parametrize("number", ["", "7", "x", "9" * 30])
def test_a_patch_set_that_is_not_there_cannot_be_spoken_of(
    pushed: PatchSet, cast: people.Cast, number: str
) -> None:
    data = {"patch_set": number, "kind": "approve", "body": "x"}
    for form in ("review", "comment"):
        answer = Visitor(cast.mei).post(f"/pulls/{pushed.pull_id}/{form}/", data)
        assert answer.status_code == 404


def test_only_the_current_patch_set_has_a_review_form(
    story: Story, pushed: PatchSet, cast: people.Cast
) -> None:
    story.push(cast.alice)
    assert 'name="kind"' not in Visitor(cast.mei).get(diff(pushed.pull, "?patch_set=1"))
    assert 'name="kind"' in Visitor(cast.mei).get(diff(pushed.pull))


# Remarks on lines


def test_a_remark_stands_under_its_line(pushed: PatchSet, cast: people.Cast) -> None:
    visitor = Visitor(cast.bob)
    spot = f"{SOLUTION}:2"
    where = f"{diff(pushed.pull)}?comment={spot}"
    page = visitor.get(where)
    assert f'name="spot" value="{spot}"' in page
    assert problems(page) == []
    answer = visitor.post(
        f"/pulls/{pushed.pull_id}/comment/", {"patch_set": "1", "spot": spot, "body": "Why **b**?"}
    )
    said = Comment.objects.get()
    assert (said.path, said.side, said.line) == (SOLUTION, "new", 2)
    assert answer.headers["location"] == f"{diff(pushed.pull)}?patch_set=1#comment-{said.pk}"
    page = visitor.get(diff(pushed.pull))
    assert page.index("int</span> b;") < page.index("Why <strong>b</strong>?") < page.index("int</span> c;")


@pytest.mark.parametrize(
    "spot", [f"{SOLUTION}:99", "solutions/mei/x.c:1", "nonsense", f"{SOLUTION}:old:1", ":1"]
)
def test_a_remark_on_no_line_of_the_change_is_refused_and_kept(
    pushed: PatchSet, cast: people.Cast, spot: str
) -> None:
    data = {"patch_set": "1", "spot": spot, "body": "my long words"}
    page = Visitor(cast.bob).send(f"/pulls/{pushed.pull_id}/comment/", data, AGAIN)
    assert "is no line of this change" in page
    assert not Comment.objects.exists()


def test_an_empty_remark_is_refused_at_its_line(pushed: PatchSet, cast: people.Cast) -> None:
    data = {"patch_set": "1", "spot": f"{SOLUTION}:2", "body": "  "}
    page = Visitor(cast.bob).send(f"/pulls/{pushed.pull_id}/comment/", data, AGAIN)
    assert "Write something first." in page
    assert f'name="spot" value="{SOLUTION}:2"' in page


def test_a_line_that_is_gone_can_be_remarked_on(story: Story, pushed: PatchSet, cast: people.Cast) -> None:
    story.merged(cast.alice, cast.mei, cast.max, topic="base")
    second = story.push(cast.alice, "next", files={"solution.c": b"int z;\n"})
    spot = f"{SOLUTION}:old:1"
    data = {"patch_set": "1", "spot": spot, "body": "Keep this one"}
    assert Visitor(cast.mei).post(f"/pulls/{second.pull_id}/comment/", data).status_code == DONE
    assert Comment.objects.get().side == "old"
    assert "Keep this one" in Visitor(None).get(diff(second.pull))


@pytest.mark.parametrize(
    ("text", "spot"),
    [
        ("a.c:3", Spot("a.c", "new", 3)),
        ("a.c:old:3", Spot("a.c", "old", 3)),
        ("dir/a:b.c:12", Spot("dir/a:b.c", "new", 12)),
        ("a.c:", None),
        ("a.c:-1", None),
        ("a.c:1234567890", None),
        ("", None),
    ],
)
def test_a_spot_is_read_and_written_alike(text: str, spot: Spot | None) -> None:
    assert Spot.parse(text) == spot
    assert spot is None or str(spot) == text


# Changes


def test_what_changed_since_an_earlier_patch_set(story: Story, pushed: PatchSet, cast: people.Cast) -> None:
    story.push(cast.alice, files={"solution.c": CODE.replace(b"b", b"beta")})
    page = Visitor(None).get(diff(pushed.pull, "?patch_set=2&since=1"))
    assert "+1" in page
    assert "beta" in page
    assert "notes.md" not in page


@pytest.mark.slow
def test_a_rebase_does_not_show_what_others_merged_meanwhile(story: Story, cast: people.Cast) -> None:
    story.worker()
    first = story.push(cast.bob)
    story.run_all()
    story.merged(cast.alice, cast.mei, cast.max)
    slug = story.task.slug
    rebased = git.commit_files(
        slug,
        "refs/heads/bob/fast",
        {"solutions/bob/solution.c": b"// rebased\n"},
        author=cast.bob,
        message="Rebased",
        parent=git.main_sha(slug),
    )
    flow.branches_moved(story.task.repository)
    assert PatchSet.objects.get(head_sha=rebased).number == 2
    page = Visitor(None).get(diff(first.pull, "?patch_set=2&since=1"))
    assert "solutions/bob/solution.c" in page
    assert "solutions/alice" not in page


def test_a_long_file_stays_folded_until_it_is_asked_for(story: Story, cast: people.Cast) -> None:
    lines = b"".join(b"int x%d;\n" % number for number in range(LONG_FILE + 1))
    pull = story.push(cast.alice, files={"solution.c": lines}).pull
    page = Visitor(None).get(diff(pull))
    assert "401 changed lines, folded." in page
    assert "x400" not in page
    assert "x400" in Visitor(None).get(diff(pull, f"?open={SOLUTION}"))


def test_binary_empty_and_foreign_files_are_shown_for_what_they_are(story: Story, cast: people.Cast) -> None:
    files = {
        "solution.c": b"// caf\xe9 \x1b[31m\x00"[:-1] + b"\r\n",
        "blob.bin": bytes(range(256)),
        "empty.c": b"",
        "tab\tname.c": b"int x;",
    }
    pull = story.push(cast.alice, files=files).pull
    page = Visitor(None).get(diff(pull))
    assert "caf\ufffd ␛[31m" in page
    assert "A binary file: it cannot be shown as lines." in page
    assert "Empty, or only its mode changed." in page
    assert "tab␉name.c" in page
    assert "The file ends here without a line end" in page
    assert problems(page) == []


def test_a_repository_that_cannot_be_read_leaves_the_conversation(
    story: Story, cast: people.Cast, caplog: pytest.LogCaptureFixture
) -> None:
    patch_set = story.push(cast.alice)
    PatchSet.objects.filter(pk=patch_set.pk).update(head_sha="1" * 40)
    page = Visitor(None).get(diff(patch_set.pull))
    assert "The repository could not be read: the failure is ours" in page
    assert "no diff of patch set 1" in caplog.text


def test_remarks_of_a_review_stand_with_it(pushed: PatchSet, cast: people.Cast) -> None:
    remarks = [pulls.LineComment(SOLUTION, 1, "Name it"), pulls.LineComment("gone.c", 3, "Where is it?")]
    pulls.review(pushed, cast.mei, "changes", "Two things", remarks)
    page = Visitor(None).get(f"/pulls/{pushed.pull_id}/")
    assert page.index("Two things") < page.index("Name it") < page.index("Where is it?")
    assert f"<code>{SOLUTION}:1</code>" in page


def test_stages_do_not_hide_the_changes(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("closed", story, cast)
    assert "solution.c" in Visitor(None).get(diff(pull))


# When our repository fails


def test_a_missing_repository_is_our_fault_on_every_page_and_loses_no_words(
    pushed: PatchSet, cast: people.Cast
) -> None:
    diff_between.cache_clear()
    pulls.review(pushed, cast.mei, "approve")
    git.path_of(pushed.pull.task.slug).rename(git.path_of("gone"))
    base = f"/pulls/{pushed.pull.pk}"
    assert "The repository could not be read: the failure is ours" in Visitor(cast.bob).get(diff(pushed.pull))
    said = {"body": "A long thought", "spot": f"{SOLUTION}:2", "patch_set": "1"}
    page = Visitor(cast.bob).send(f"{base}/comment/", said, status=503)
    assert "the failure is ours" in page
    assert "A long thought" in page
    assert "Our git repository failed; it is not your doing." in Visitor(cast.max).send(f"{base}/merge/")
