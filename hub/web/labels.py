"""Labels for the figures that a worker sends by name: details of a case, steps of a run, facts of a machine.

A name without a label is shown as it is: a newer worker may know more. Not in charge of reasons
(`bench_runner/messages.py`) nor of closed sets (`words.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from hub.web.plain import plain_line
from hub.web.templatetags.touchstone import size

LONGEST_VALUE = 300  # characters of one figure

DETAILS: dict[str, Promise] = {
    "tensor": _("output"),
    "index": _("at"),
    "expected": _("expected"),
    "got": _("got"),
    "allowed": _("allowed difference"),
    "wrong": _("wrong elements"),
    "of": _("of elements"),
    "where": _("where"),
    "signal": _("signal"),
    "seconds": _("limit in seconds"),
}
STEPS: dict[str, Promise] = {
    "build": _("building"),
    "check": _("checking"),
    "time": _("timing"),
    "timed_calls": _("in timed calls"),
    "start_guests": _("starting fresh processes"),
    "handing_over": _("handing inputs and outputs over"),
    "inputs": _("making inputs and answers"),
    "checking": _("comparing outputs"),
    "other": pgettext_lazy("seconds", "everything else"),
    "total": pgettext_lazy("seconds", "in total"),
}
FACTS: dict[str, Promise] = {
    "cpu": _("CPU"),
    "gpu": _("GPU"),
    "card": _("card"),
    "card_memory_bytes": _("memory of the card"),
    "card_driver": _("driver of the card"),
    "capability": _("compute capability"),
    "mig": _("slice of a card (MIG)"),
    "sm_mhz": _("clock of the card (MHz)"),
    "memory_mhz": _("memory clock of the card (MHz)"),
    "watts": _("power of the card (W)"),
    "watts_limit": _("most power of the card (W)"),
    "celsius": _("temperature of the card (°C)"),
    "slowed_by": _("what slows the card"),
    "ecc_uncorrected": _("memory errors of the card that were not corrected"),
    "cores": _("cores"),
    "memory_bytes": _("memory"),
    "kernel": _("kernel"),
    "governor": _("frequency governor"),
    "max_mhz": _("highest clock (MHz)"),
    "mhz": _("clock at that moment (MHz)"),
    "virtual": _("virtual machine"),
    "gcc": _("gcc"),
    "python": _("Python"),
    "numpy": _("NumPy"),
    "load": _("load at the end"),
    "steal_seconds": _("CPU seconds taken by the host since boot"),
    "measuring_cpus": _("CPUs used for measuring"),
    "flops": _("peak"),
    "bandwidth": _("memory bandwidth"),
    "cache_bandwidth": _("cache bandwidth"),
    "pairs": _("pairs of runs"),
    "repeated_pairs": _("pairs repeated because of noise"),
    "others_cores": _("most cores that others kept busy"),
    "empty_call_us": _("one call of nothing (µs)"),
    "forgotten_pairs": _("pairs forgotten because the machine changed its speed"),
    "stolen_percent": _("most time taken by the host during a pair (%)"),
    "drift_percent": _("change of the machine's speed during the job (%)"),
    "channel_percent": _("the judge's own share of the shortest call (%)"),
    "cache": _("caches before a call"),
}
RATES = {"flops": "Gflop/s", "bandwidth": "GB/s", "cache_bandwidth": "GB/s"}  # a worker sends units


def facts_of(values: dict[str, Any]) -> list[tuple[object, str]]:
    """A machine's description as pairs of label and value; nested ones are flattened, empty ones left out."""
    return list(_facts(values))


def _facts(values: dict[str, Any], before: str = "") -> Iterable[tuple[object, str]]:
    for key, value in values.items():
        label = FACTS.get(key) or f"{before}{plain_line(key).replace('_', ' ')}"
        if isinstance(value, dict):
            yield from _facts(value, f"{label} · ")
        elif key.endswith("_bytes") and is_number(value):
            yield label, size(int(value))
        elif key in RATES and is_number(value):
            yield label, f"{value / 1e9:.4g} {RATES[key]}"
        elif value not in (None, "", []):
            yield label, shown_value(value)


def shown_value(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(shown_value(item) for item in value[:8]) + "]"
    return plain_line(value)[:LONGEST_VALUE]


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
