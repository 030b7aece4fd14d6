"""Pages about what is held, decided and judged again: who sees them, what they say, what they refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from hub import flow, rejudging
from hub.bench.models import Verdict
from hub.boards.queries import board
from hub.catalog.actions import publish
from hub.catalog.queries import files_of
from hub.pulls.models import PatchSet
from hub.rulings.models import Rejudge, Ruling
from tests import people
from tests.hub.replay import played_once
from tests.hub.rulings.programs import MINE, in_another_coat
from tests.hub.story import HARDWARE, SOLUTION, Story, result
from tests.hub.web.conftest import LANGUAGES, Visitor, measure
from tests.hub.web.markup import problems

EVERYBODY = (None, "alice", "bob", "mei", "max")
LOGIN, DONE, REFUSED, FINE = 302, 302, 403, 200


@dataclass
class Court:
    """alice's number is too good, bob's code is alice's in another coat; alice appealed."""

    story: Story
    people: people.Cast
    fast: Verdict
    copy: Verdict
    appeal: Rejudge

    def pages(self) -> list[str]:
        evidence = [f"/held/{verdict.pk}/" for verdict in (self.fast, self.copy)]
        return ["/held/", "/rejudging/", *evidence, f"/rejudging/{self.appeal.pk}/"]

    def visitor(self, name: str | None, language: str = "en") -> Visitor:
        return Visitor(getattr(self.people, name) if name else None, language)


@played_once
def court(story: Story, cast: people.Cast) -> Court:
    story.worker()
    story.push(cast.alice, files={SOLUTION: MINE})
    story.run(story.live()[0], artefact_sha256="a" * 64)
    timed = result(ratio=9.0)
    args = {"case": "wide", "seconds": 1e-6, "floor": 2e-6}
    fast = story.run(
        story.live()[0],
        "suspicious",
        reason="faster_than_possible",
        reason_args=args,
        summary=timed.summary,
        measurements=timed.measurements,
        environment={"cpu": "EPYC"},
        artefact_sha256="a" * 64,
    )
    story.push(cast.bob, files={SOLUTION: in_another_coat(MINE)})
    copy = story.run(story.live()[0], artefact_sha256="a" * 64)
    appeal = rejudging.appeal(fast, cast.alice, "One pass, see *line 3*.")
    return Court(story, cast, fast, copy, appeal)


def test_evidence_is_for_mentors_and_maintainers(court: Court) -> None:
    for path in court.pages():
        got = {name: court.visitor(name).client.get(path).status_code for name in EVERYBODY}
        assert got == {None: LOGIN, "alice": REFUSED, "bob": REFUSED, "mei": FINE, "max": FINE}, path


@pytest.mark.slow
def test_a_mentor_sees_no_evidence_about_their_own_work(court: Court) -> None:
    court.people.alice.is_mentor = True
    court.people.alice.save(update_fields=["is_mentor"])
    alice = court.visitor("alice")
    alice.get(f"/held/{court.fast.pk}/", status=403)
    assert f"/held/{court.fast.pk}/" not in alice.get("/held/")
    assert f"/held/{court.copy.pk}/" in alice.get("/held/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_are_well_formed(court: Court, language: str) -> None:
    for name in ("mei", "max"):
        for path in court.pages():
            page = court.visitor(name, language).get(path)
            assert problems(page) == [], path
            assert "%(" not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_anything_to_decide_the_pages_say_so(db: None, cast: people.Cast, language: str) -> None:
    for path in ("/held/", "/rejudging/"):
        page = Visitor(cast.max, language).get(path)
        assert problems(page) == []
        assert 'class="empty"' in page


def test_the_evidence_about_a_number_has_its_figures(court: Court) -> None:
    page = court.visitor("mei").get(f"/held/{court.fast.pk}/")
    for shown in (
        "Case wide took 0.000001 s a call; this machine needs at least 0.000002 s",
        "least time that this machine needs",
        "2 µs",
        "EPYC",
        "a" * 64,
        "40 %",
    ):
        assert shown in page
    assert '<script id="samples" type="application/json">' in page
    assert "<em>line 3</em>" in page, "the appeal is read where it is decided"


def test_the_evidence_about_a_copy_has_both_codes_and_whose_they_are(court: Court) -> None:
    page = court.visitor("mei").get(f"/held/{court.copy.pk}/")
    text = re.sub(r"<[^>]+>", "", page)
    for shown in ("100 %", "the same", "eight at a time", "my_go", "Earlier: ", "Later: ", "in both:"):
        assert shown in text
    assert text.index("eight at a time") < text.index("my_go")


def test_nobody_else_reads_what_is_suspected_of_whom(court: Court) -> None:
    for name in (None, "alice", "bob"):
        for verdict in (court.fast, court.copy):
            page = court.visitor(name).get(f"/pulls/{verdict.job.patch_set.pull_id}/")
            assert "held for review" in page
            for accusation in ("earlier work", "copy", "cheat", "suspicious", "too good"):
                assert accusation not in page.lower(), (name, accusation)
    assert "says nothing about you" in court.visitor("bob").get(f"/pulls/{court.copy.job.patch_set.pull_id}/")


def forms(court: Court) -> dict[str, tuple[str, dict[str, str]]]:
    fast, appeal = f"/held/{court.fast.pk}/", f"/rejudging/{court.appeal.pk}/"
    return {
        "rule": (f"{fast}rule/", {"kind": "uphold", "reason": "It skips the work."}),
        "judge again": (f"{fast}again/", {"reason": "Another machine."}),
        "appeal": (f"/held/{court.copy.pk}/appeal/", {"text": "We wrote it together."}),
        "ask": ("/rejudging/ask/", {"task": "vector-add", "why": "New rules."}),
        "apply": (f"{appeal}apply/", {"decision": "Fine.", "number": "1"}),
        "discard": (f"{appeal}discard/", {"decision": "No."}),
        "podium": (f"/boards/vector-add/{HARDWARE}/podium/", {}),
    }


# The copy is bob's; every answer of 302 is a redirect to the page with a sentence, done or refused in words.
MAINTAINERS_OWN = ("rule", "judge again", "ask", "apply", "discard", "podium")
MATRIX = {
    "alice": dict.fromkeys(MAINTAINERS_OWN, REFUSED) | {"appeal": REFUSED},
    "bob": dict.fromkeys(MAINTAINERS_OWN, REFUSED) | {"appeal": DONE},
    "mei": dict.fromkeys(MAINTAINERS_OWN, REFUSED) | {"appeal": REFUSED},
    "max": dict.fromkeys(MAINTAINERS_OWN, DONE) | {"appeal": REFUSED},
}


def test_each_form_takes_the_right_people(court: Court) -> None:
    for name, expected in MATRIX.items():  # the maintainer last: they change something
        asked = forms(court).items()
        assert {
            what: court.visitor(name).post(path, data).status_code for what, (path, data) in asked
        } == expected, name


def test_a_stranger_logs_in_first_and_nothing_answers_get(court: Court) -> None:
    for path, data in forms(court).values():
        assert court.visitor(None).post(path, data).headers["location"].startswith("/login/")
        court.visitor("max").get(path, status=405)
    assert Ruling.objects.filter(by__isnull=False).count() == 0


def test_a_ruling_is_read_by_everybody_on_the_pull_request(court: Court) -> None:
    page = court.visitor("max").send(
        f"/held/{court.fast.pk}/rule/", {"kind": "clear", "reason": "The floor counted <a> buffer twice."}
    )
    assert "Cleared: the result counts from now on." in page
    page = court.visitor(None).get(f"/pulls/{court.fast.job.patch_set.pull_id}/")
    assert "The floor counted &lt;a&gt; buffer twice." in page
    assert "A maintainer looked at this result: it counts." in page
    assert "9.00×" in court.visitor(None).get(f"/boards/vector-add/{HARDWARE}/")


@pytest.mark.slow
def test_the_author_appeals_once_from_the_pull_request(court: Court) -> None:
    where = f"/pulls/{court.copy.job.patch_set.pull_id}/"
    form = f'action="/held/{court.copy.pk}/appeal/"'
    assert form in court.visitor("bob").get(where)
    for name in (None, "alice", "mei", "max"):
        assert form not in court.visitor(name).get(where)
    page = court.visitor("bob").send(f"/held/{court.copy.pk}/appeal/", {"text": "We wrote it together."})
    assert "Your appeal is with the maintainers" in page
    assert form not in page
    assert "The author appealed." in page
    assert "appealed" in court.visitor("mei").get("/held/")


def test_old_and_new_stand_side_by_side_and_are_applied_by_number(court: Court) -> None:
    where = f"/rejudging/{court.appeal.pk}/"
    [trial] = [job for job in court.story.live() if job.kind == "rank"]
    assert "It can be applied when every run has ended." in court.visitor("max").get(where)
    court.story.run(trial, ratio=3.0)
    page = court.visitor("max").get(where)
    for shown in ("9.00×", "3.00×", "rank 1", "changed", "1 line would change", "Type 1:"):
        assert shown in page
    page = court.visitor("max").send(f"{where}apply/", {"decision": "Looked.", "number": "7"})
    assert "1 verdicts would be replaced, not 7" in page
    page = court.visitor("max").send(f"{where}apply/", {"decision": "Looked.", "number": "1"})
    assert "Applied: the new verdicts count" in page
    assert [entry.ratio for entry in board(court.story.task, HARDWARE).entries] == [3.0]
    assert "Looked." in court.visitor(None).get(f"/pulls/{court.fast.job.patch_set.pull_id}/")


def test_the_desk_leads_to_what_is_held(court: Court) -> None:
    page = court.visitor("mei").get("/desk/")
    assert 'href="/held/"' in page
    assert 'Held for review <span class="count">2</span>' in page
    assert "Held for review" not in court.visitor("alice").get("/desk/")


# Boards


@pytest.mark.slow
def test_after_new_rules_a_board_shows_the_older_entries_and_the_way_on(
    story: Story, cast: people.Cast
) -> None:
    measure(story, cast, alice=2.0)
    files = dict(files_of(story.task.current))
    files["task.toml"] = files["task.toml"].replace(b"[tolerance", b"# stricter\n[tolerance", 1)
    publish(story.task.slug, files)
    where = f"/boards/vector-add/{HARDWARE}/"
    assert "By the rules before" in Visitor(None).get(where)
    assert 'href="/rejudging/"' not in Visitor(cast.mei).get(where)
    assert 'href="/rejudging/"' in Visitor(cast.max).get(where)
    page = Visitor(cast.max).get("/rejudging/")
    assert "Judged by older rules" in page
    assert "3 verdicts" in page
    page = Visitor(cast.max).send("/rejudging/ask/", {"task": "vector-add", "why": "Stricter."})
    assert "Old beside new" in page
    assert "are being judged by the new ones" in Visitor(None).get(where)


@pytest.mark.slow
def test_the_podium_is_run_again_from_the_board(story: Story, cast: people.Cast) -> None:
    measure(story, cast, alice=2.0, bob=1.0)
    where = f"/boards/vector-add/{HARDWARE}/"
    assert "podium/" not in Visitor(cast.mei).get(where)
    assert "podium/" in Visitor(cast.max).get(where)
    assert "are run once more" in Visitor(cast.max).send(f"{where}podium/")
    assert len(story.live(kind="confirm")) == 2


@pytest.mark.slow
def test_runs_that_disagree_are_said_to(story: Story, cast: people.Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.run(story.live()[0])
    for ratio in (3.0, 2.0):
        story.run(story.live()[0], ratio=ratio)
    page = Visitor(None).get(f"/boards/vector-add/{HARDWARE}/")
    assert "runs disagree" in page
    assert "2.00×" in page
    patch_set = PatchSet.objects.get()
    shown = Visitor(None).get(f"/pulls/{patch_set.pull_id}/")
    assert ">confirmed<" not in shown


@pytest.mark.slow
def test_a_confirmation_that_did_not_pass_is_told_to_author_and_mentors(
    story: Story, cast: people.Cast
) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    story.run(story.live()[0])
    story.run(story.live()[0])
    story.run(story.live()[0], "wrong_answer", reason="wrong_value")
    page = Visitor(cast.alice).get(f"/pulls/{pull.pk}/")
    assert "The confirmation did not pass, so the entry is off the board." in page
    assert "Your turn" in page
    assert "Confirmations that did not pass" in Visitor(cast.mei).get("/held/")
    assert flow.run_again(pull, cast.max)
