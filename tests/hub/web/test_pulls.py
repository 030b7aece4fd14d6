"""The page of a pull request says to everybody where it stands, what came out and what to do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from bench_runner.contract import Assembly, CaseResult, NoAssembly, Outcome
from bench_runner.messages import REASONS
from hub import flow
from hub.bench.models import Job, Verdict, Worker
from hub.core import clock
from hub.pulls import actions as pulls
from hub.pulls.models import MergeAttempt, PullRequest
from hub.web import live
from hub.web.words import OUTCOMES, STAGES
from tests import people
from tests.hub.story import Story
from tests.hub.web import scenes
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems

READERS = {None: ("en",), "alice": ("zh-hans",), "mei": ("en",), "max": ("zh-hans",)}


def path(pull: PullRequest, more: str = "") -> str:
    return f"/pulls/{pull.pk}/{more}"


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(stage, marks=() if stage in ("failing", "needs_review", "merged") else pytest.mark.slow)
        for stage in scenes.STAGES
    ],
)
def test_every_stage_is_shown_to_everybody_in_both_languages(
    story: Story, cast: people.Cast, stage: str
) -> None:
    pull = scenes.in_stage(stage, story, cast)
    for name, languages in READERS.items():
        for language in languages:
            visitor = Visitor(getattr(cast, name) if name else None, language)
            for page in (visitor.get(path(pull)), visitor.get(path(pull, "diff/"))):
                assert problems(page) == []
                assert "%(" not in page
                if language == "en":
                    assert english(STAGES[stage].label) in page


@pytest.mark.parametrize("outcome", scenes.FAILING)
def test_every_failure_says_what_why_and_what_next(story: Story, cast: people.Cast, outcome: Outcome) -> None:
    pull = scenes.with_outcome(outcome, story, cast)
    reason = REASONS[Verdict.objects.get().reason]
    for language in LANGUAGES:
        page = Visitor(None, language).get(path(pull))
        words = reason.words(language, {name: f"<{name}>" for name in reason.args})
        for sentence in (words.what, words.why, words.next):
            assert escaped(sentence) in page
        assert problems(page) == []
    assert english(OUTCOMES[outcome].label) in Visitor(None).get(path(pull))


def escaped(text: str) -> str:
    return str(escape(text))


def english(label: object) -> str:
    """A page that was asked for in another language leaves that one on in this thread."""
    with translation.override("en"):
        return str(label)


def test_whose_turn_it_is_depends_on_who_reads(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("needs_review", story, cast)
    assert "Your turn" in Visitor(cast.mei).get(path(pull))
    assert "A mentor is to move" in Visitor(cast.alice).get(path(pull))
    pulls.review(pull.patch_sets.get(), cast.mei, "changes", "The tail.")
    assert "Your turn" in Visitor(cast.alice).get(path(pull))
    assert "alice is to move" in Visitor(cast.mei).get(path(pull))


def test_a_timed_patch_set_shows_ratio_interval_times_and_figure(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("needs_review", story, cast)
    page = Visitor(None).get(path(pull))
    for shown in ("1.50×", "1.47–1.53", "1.5 ms", "1 ms", "40 %", "faster", "confirmed"):
        assert shown in page
    assert 'data-plot="figure-cpu-x86-avx2"' in page
    assert '<script id="figure-cpu-x86-avx2" type="application/json">' in page


def test_the_machine_code_is_shown_or_why_there_is_none(story: Story, cast: people.Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0], assembly=Assembly("1139:\tvaddps", cut=True))
    story.run(story.live()[0], ratio=1.5)  # the page tells this verdict; the machine code is the check's
    page = Visitor(None).get(path(patch_set.pull))
    for words in ("Machine code of the entry function", "1139:\tvaddps", "There is more; the beginning"):
        assert words in page
    for missing, words in (
        (NoAssembly.NO_OBJDUMP, "its operator can install binutils"),
        (NoAssembly.GAVE_UP, "objdump did not get through this file"),
    ):
        Verdict.objects.filter(job__kind="check").update(assembly=Assembly(missing=missing).to_json())
        page = Visitor(None).get(path(patch_set.pull))
        assert words in page
        assert problems(page) == []


def test_a_busy_machine_is_named_beside_its_number(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    story.run(story.live()[0])
    story.run(story.live()[0], environment={"others_cores": 1.49, "repeated_pairs": 10})
    page = Visitor(None).get(path(pull))
    assert "Other programs kept up to 1.5 cores of the machine busy meanwhile" in page
    assert "It stopped because the interval was narrow enough." in page


def test_a_quiet_machine_is_not_called_busy(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    story.run(story.live()[0])
    story.run(story.live()[0], environment={"others_cores": 0.01, "repeated_pairs": 3})
    assert "cores of the machine busy" not in Visitor(None).get(path(pull))


def test_a_number_says_whether_it_was_timed_with_cold_caches(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    story.run(story.live()[0])
    story.run(story.live()[0], environment={"cache": "cold"})
    page = Visitor(None).get(path(pull))
    assert "caches before a call" in page
    assert ">cold<" in page


def test_a_wrong_case_shows_where_and_by_how_much(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    detail = {
        "reason": "wrong_value",
        "tensor": "c",
        "index": [0, 5],
        "expected": 2.5,
        "got": 3.5,
        "worst": 1234.5,
    }
    cases = [CaseResult("one", False, 1e-4, detail), CaseResult("odd", False, 0.0, {"not_run": True})]
    story.run(story.live()[0], "wrong_answer", reason="wrong_value", cases=cases)
    page = Visitor(None).get(path(pull))
    for shown in ("[0, 5]", "2.5", "3.5", "1.23e+03", "n 1", "not run", "0 of 2 right"):
        assert shown in page


def test_environment_log_and_seconds_stand_behind_the_verdict(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    columns = {
        "environment": {"cpu": "EPYC", "memory_bytes": 2**34, "virtual": True, "new_key": {"deep": 3}},
        "log": "warning: <unused>",
        "seconds": {"build": 0.25, "total": 3.5},
    }
    story.run(story.live()[0], "wrong_answer", reason="wrong_value", **columns)
    page = Visitor(None).get(path(pull))
    for shown in ("EPYC", "16 GiB", "virtual machine", "new key · deep", "warning: &lt;unused&gt;", "0.25 s"):
        assert shown in page


def test_a_queued_job_says_its_place_and_that_no_worker_is_there(
    story: Story, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LINE_SECONDS", 0.0)
    story.worker()
    story.push(cast.bob)
    pull = story.push(cast.alice).pull
    assert "Number 2 of 2 in the queue" in Visitor(None).get(path(pull))
    Worker.objects.update(last_seen_at=clock.now() - timedelta(hours=2))
    page = Visitor(None).get(path(pull))
    assert "number 2 of 2 waits for one" in page
    assert "the job starts when a worker reports" in page


def test_a_push_before_any_worker_says_what_it_waits_for(story: Story, cast: people.Cast) -> None:
    pull = story.push(cast.alice).pull
    assert "No worker for cpu has reported yet" in Visitor(None).get(path(pull))


def test_a_running_check_shows_its_cases_in_the_tasks_order(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("checking", story, cast)
    page = Visitor(None).get(path(pull))
    cells = re.findall(r'<li class="is-(\w+)">', page[page.index('<ul class="cells"') :])
    assert cells[:5] == ["ok", "failed", "ahead", "ahead", "ahead"]
    assert "gcc -O3 solution.c" in page
    assert page.count("still to come") == 3
    assert f'<a href="{path(pull)}">Look again</a></p></noscript>' in page


def test_a_running_timing_shows_pairs_and_the_ratio_so_far(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = scenes.timing(story, story.push(cast.alice))
    page = Visitor(None).get(path(pull))
    assert "Pair 3 of 10" in page
    assert '<progress id="pairs-' in page
    assert "1.25×" in page


def test_our_failures_are_told_apart_and_their_text_is_for_maintainers(
    story: Story, cast: people.Cast
) -> None:
    pull = scenes.in_stage("platform_trouble", story, cast)
    page = Visitor(cast.alice).get(path(pull))
    assert "3 tries failed on our side" in page
    assert "cgroup" not in page
    assert "no &lt;b&gt;cgroup&lt;/b&gt;" in Visitor(cast.max).get(path(pull))


def test_an_older_patch_set_is_shown_with_a_way_back(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("failing", story, cast)
    story.push(cast.alice)
    story.run_all()
    assert "Right in all" not in Visitor(None).get(path(pull, "?patch_set=1"))
    page = Visitor(None).get(path(pull, "?patch_set=1"))
    assert "These are the results of patch set 1" in page
    assert "wrong answer" in page


def test_an_older_approval_is_shown_as_not_counting(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("approved", story, cast)
    story.push(cast.alice)
    story.run_all()
    page = Visitor(cast.max).get(path(pull))
    assert "mei approved patch set 1, which no longer counts" in page
    assert "for patch set 1; it no longer counts" in page
    assert "The current patch set is not approved." in page


# Strangers' words


EVIL = "<script>alert(1)</script>"
BIDI = "\u202egpj.exe"


def test_nothing_of_a_stranger_becomes_markup(story: Story, cast: people.Cast) -> None:
    story.worker()
    files = {"solution.c": f"/* {EVIL}{BIDI} */\n".encode(), f"{EVIL.replace('/', '-')}.c": b"int x;\n"}
    patch_set = story.push(cast.alice, subject=f"{EVIL} {BIDI}", files=files)
    story.run(
        story.live()[0],
        "build_failed",
        reason="compile_error",
        reason_args={"command": EVIL, "code": 1},
        log=f"{EVIL}\x1b[31m{BIDI}\x00",
        cases=[CaseResult(EVIL, False, 0.0, {"got": EVIL, EVIL: 1})],
        environment={EVIL: EVIL},
        assembly=Assembly(f"{EVIL}\x1b[31m{BIDI}"),
    )
    pulls.comment(patch_set, cast.bob, f"{EVIL} [click](javascript:alert(1)) ![x](http://evil.example/x.png)")
    pulls.comment(patch_set, cast.bob, EVIL, path="solutions/alice/solution.c", line=1)
    pulls.review(patch_set, cast.mei, "changes", EVIL)
    visitor = Visitor(cast.mei)
    for where in (path(patch_set.pull), path(patch_set.pull, "diff/"), "/pulls/", "/desk/"):
        page = visitor.get(where)
        assert "<script>alert" not in page
        assert 'href="javascript' not in page
        assert "evil.example" not in page or "<img" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert "\x00" not in page
        assert problems(page) == []


# What can be done from here


def test_merging_judges_the_merge_commit_first(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("approved", story, cast)
    page = Visitor(cast.max).send(path(pull, "merge/"))
    assert "Judging the merge commit" in page
    story.run(story.live()[0], reason="all_cases_right", reason_args={"cases": 8})
    page = Visitor(cast.max).get(path(pull))
    assert "Merged into" in page
    assert "The merge commit" in page
    assert "the timing follows" not in page[page.index("The merge commit") :]


def test_a_conflict_names_its_paths_and_the_way_out(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("approved", story, cast)
    pulls.note_conflict(pull.patch_sets.get(), cast.max, main_sha="a" * 40, paths=["solutions/alice/<b>.c"])
    page = Visitor(cast.alice).get(path(pull))
    assert "solutions/alice/&lt;b&gt;.c" in page
    assert "git rebase origin/main" in page


@pytest.mark.slow
def test_a_real_conflict_is_said_at_once(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("approved", story, cast)
    story.merged(cast.alice, cast.mei, cast.max, topic="other")
    page = Visitor(cast.max).send(path(pull, "merge/"))
    assert "It conflicts with main" in page
    assert "solutions/alice/solution.c" in page


def test_an_outdated_merge_can_be_tried_again(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("merging", story, cast)
    pulls.end_merge(MergeAttempt.objects.get(), MergeAttempt.State.OUTDATED)
    Job.objects.filter(kind="merge").update(state="cancelled", ended_at=clock.now())
    assert "Merge again" in Visitor(cast.max).get(path(pull))


def test_the_merge_button_says_why_not(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("needs_review", story, cast)
    page = Visitor(cast.max).get(path(pull))
    assert "The current patch set is not approved." in page
    assert 'disabled aria-describedby="why-not-merge"' in page
    assert "merge/" not in Visitor(cast.bob).get(path(pull))


def test_closing_and_opening_again(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("needs_review", story, cast)
    visitor = Visitor(cast.alice)
    assert "Open again" in visitor.send(path(pull, "close/"))
    assert "Close without merging" in visitor.send(path(pull, "reopen/"))


def test_what_failed_on_our_side_is_judged_again(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("platform_trouble", story, cast)
    assert "Judge it again" in Visitor(cast.alice).get(path(pull))
    page = Visitor(cast.alice).send(path(pull, "rerun/"))
    assert "judged once more" in page
    assert "in the queue" in page
    assert "There is nothing to run again" in Visitor(cast.alice).send(path(pull, "rerun/"))


def test_a_failed_verdict_is_judged_again_by_a_mentor_only(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("failing", story, cast)
    assert "Judge it again" not in Visitor(cast.alice).get(path(pull))
    assert "Judge it again" in Visitor(cast.max).get(path(pull))
    assert "judged once more" in Visitor(cast.max).send(path(pull, "rerun/"))


# Finding one


def test_the_address_that_a_push_prints_leads_to_the_pull_request(story: Story, cast: people.Cast) -> None:
    where = f"/pulls/{story.task.slug}/alice/fast/"
    answer = Client().get(where)
    assert answer.status_code == 404
    assert answer.headers["refresh"] == "2"
    assert "the pull request is being opened" in answer.content.decode()
    pull = story.push(cast.alice).pull
    assert Client().get(where).headers["location"] == path(pull)


# The price of a page


@pytest.mark.slow
def test_queries_do_not_grow_with_what_was_said(
    story: Story,
    cast: people.Cast,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "LINE_SECONDS", 60.0)  # somebody looked at the queue just before
    pull = scenes.in_stage("needs_review", story, cast)
    patch_set = pull.patch_sets.get()
    for number in range(12):
        pulls.comment(patch_set, cast.bob, "A word", path="solutions/alice/solution.c", line=number + 1)
        pulls.review(patch_set, cast.mei, "comment", "Another")
    for _push in range(3):
        story.push(cast.alice)
    visitor = Visitor(cast.mei)
    for where in (path(pull), path(pull, "diff/")):
        visitor.get(where)
        with django_assert_max_num_queries(15):
            visitor.get(where)


def test_an_unknown_pull_request_is_not_there(db: None) -> None:
    for more in ("", "diff/", "events/"):
        assert Client().get(f"/pulls/4711/{more}").status_code == 404


def test_a_pull_request_of_the_house_is_nobodys_turn(story: Story, cast: people.Cast) -> None:
    cast.alice.is_house = True
    cast.alice.save()
    pull = scenes.in_stage("needs_review", story, cast)
    assert "Nobody is to move" in Visitor(cast.mei).get(path(pull))
    assert flow.pull_facts.why_not_merge(pull, cast.max) in Visitor(cast.max).get(path(pull))
