"""Closed sets in words for people: outcomes, speeds, kinds of job, stages, programming languages.

A word comes with its tone, which is all that the stylesheet knows of it: good, bad, wait, live, warn, gold
or quiet.
Not in charge of why a verdict is as it is (`bench_runner/messages.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from bench_runner.contract import JobKind, Outcome, Phase, Speed

Label = str | Promise


@dataclass(frozen=True)
class Word:
    label: Label
    tone: str = "quiet"
    icon: str = ""


OUTCOMES: dict[str, Word] = {
    Outcome.PASSED: Word(_("passed"), "good", "check"),
    Outcome.BUILD_FAILED: Word(_("does not build"), "bad", "cross"),
    Outcome.WRONG_ANSWER: Word(_("wrong answer"), "bad", "cross"),
    Outcome.RUNTIME_ERROR: Word(_("crashed"), "bad", "cross"),
    Outcome.TIME_LIMIT: Word(_("over the time limit"), "bad", "cross"),
    Outcome.MEMORY_LIMIT: Word(_("over the memory limit"), "bad", "cross"),
    Outcome.REJECTED: Word(_("broke the rules"), "bad", "cross"),
    Outcome.SUSPICIOUS: Word(_("held for review"), "warn", "eye"),
}

SPEEDS: dict[str, Word] = {
    Speed.FASTER: Word(_("faster"), "good"),
    Speed.SLOWER: Word(_("slower"), "bad"),
    Speed.SAME: Word(pgettext_lazy("speed", "same")),
    Speed.INCONCLUSIVE: Word(_("inconclusive"), "warn"),
}

JOB_KINDS: dict[str, Word] = {
    JobKind.CHECK: Word(pgettext_lazy("kind of job", "check")),
    JobKind.RANK: Word(pgettext_lazy("kind of job", "timing")),
    JobKind.CONFIRM: Word(pgettext_lazy("kind of job", "confirmation")),
    JobKind.MERGE: Word(pgettext_lazy("kind of job", "merge check")),
}

PHASES: dict[str, Word] = {
    Phase.FETCHING: Word(_("fetching")),
    Phase.BUILDING: Word(_("building")),
    Phase.CHECKING: Word(_("checking")),
    Phase.TIMING: Word(_("timing")),
    Phase.DONE: Word(_("done")),
}

# By name: the stages are counted from facts in `hub.pulls.queries`.
STAGES: dict[str, Word] = {
    "draft": Word(pgettext_lazy("stage", "draft")),
    "checking": Word(_("being judged"), "live", "pulse"),
    "failing": Word(_("failing"), "bad", "cross"),
    "held": Word(_("held for review"), "warn", "eye"),
    "passed": Word(_("passed"), "good", "check"),
    "needs_review": Word(_("needs review"), "wait", "eye"),
    "changes_requested": Word(_("changes requested"), "warn", "reply"),
    "approved": Word(_("approved"), "good", "check"),
    "merging": Word(_("merging"), "live", "pulse"),
    "merged": Word(pgettext_lazy("stage", "merged"), "gold", "merge"),
    "closed": Word(pgettext_lazy("stage", "closed"), "quiet", "cross"),
    "platform_trouble": Word(_("trouble on our side"), "warn", "alert"),
}

RARITIES: dict[str, Word] = {
    "common": Word(pgettext_lazy("rarity", "common")),
    "uncommon": Word(pgettext_lazy("rarity", "uncommon")),
    "rare": Word(pgettext_lazy("rarity", "rare")),
    "legendary": Word(pgettext_lazy("rarity", "legendary")),
}

MEDALS: dict[str, Word] = {
    "gold": Word(pgettext_lazy("medal", "gold"), "gold"),
    "silver": Word(pgettext_lazy("medal", "silver")),
    "bronze": Word(pgettext_lazy("medal", "bronze"), "warn"),
}

METRICS: dict[str, Label] = {
    "time": pgettext_lazy("metric", "time"),
    "memory": pgettext_lazy("metric", "memory"),
    "size": pgettext_lazy("metric", "size"),
    "accuracy": pgettext_lazy("metric", "accuracy"),
}

FIGURES_EXPLAINED: dict[str, Label] = {
    "size": _("Size of what the submission is built to; of its files where nothing is built."),
    "memory": _(
        "The most memory that a process of it held at once, with the interpreter where there is one: the"
        " median of its timed processes."
    ),
    "accuracy": _("The largest error over all check cases, as a share of the error that is allowed."),
}

PROGRAMMING_LANGUAGES = {
    "c": "C", "cpp": "C++", "python": "Python", "cuda": "CUDA C++", "cupy": "CuPy", "triton": "Triton",
}  # fmt: skip

HARDWARE = {"cpu": "CPU", "gpu": "GPU"}  # the first part of a hardware class


def word(table: dict[str, Word], key: object) -> Word:
    """The word of `key`; a key that the table does not know yet is shown as it is."""
    name = str(getattr(key, "value", key))
    return table.get(name) or Word(name.replace("_", " "))
