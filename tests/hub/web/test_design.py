"""The stylesheet's colours can be read: WCAG 2.2 AA in both themes, computed from the tokens."""

from __future__ import annotations

import re

import pytest
from django.conf import settings

SHEET = (settings.BASE_DIR / "static" / "css" / "touchstone.css").read_text()
TOKEN = re.compile(r"--([a-z0-9-]+):\s*(#[0-9a-f]{3,6});")

TEXT, PART = 4.5, 3.0  # least contrast of text, and of the parts of controls
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3") for ground in ("page", "surface")),
    *((ink, "sunken", TEXT) for ink in ("ink", "ink-2")),
    *((tone, ground, TEXT) for tone in ("good", "bad", "wait", "warn") for ground in ("surface", "page")),
    *((tone, f"{tone}-wash", TEXT) for tone in ("good", "bad", "wait", "warn")),
    *(("ink", f"{tone}-wash", TEXT) for tone in ("good", "bad", "wait", "warn")),
    ("gold-ink", "gold-wash", TEXT),
    ("gold-ink", "surface", TEXT),
    ("primary-ink", "primary", TEXT),
    ("primary-ink", "primary-hover", TEXT),
    *(
        (ink, ground, TEXT)
        for ink in ("slab-ink", "slab-ink-2", "streak")
        for ground in ("slab", "slab-raised")
    ),
    ("line-strong", "surface", PART),
    ("line-strong", "page", PART),
    ("focus", "surface", PART),
    ("focus", "page", PART),
    ("streak", "slab", PART),
    ("silver", "slab", PART),
]


def tokens(selector: str) -> dict[str, str]:
    start = SHEET.index(selector)
    return dict(TOKEN.findall(SHEET[start : SHEET.index("}", start)]))


LIGHT = tokens(":root {")
BY_SYSTEM, BY_CHOICE = tokens(':root:not([data-theme="light"]) {'), tokens(':root[data-theme="dark"] {')


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "dark"), [("light", {}), ("dark", BY_CHOICE)])
def test_text_and_controls_can_be_told_from_their_ground(theme: str, dark: dict[str, str]) -> None:
    colours = LIGHT | dark
    weak = {
        f"{ink} on {ground}": round(contrast(colours[ink], colours[ground]), 2)
        for ink, ground, least in PAIRS
        if contrast(colours[ink], colours[ground]) < least
    }
    assert weak == {}


def test_dark_is_the_same_whether_chosen_or_the_systems() -> None:
    assert BY_CHOICE == BY_SYSTEM != {}
    assert set(BY_CHOICE) <= set(LIGHT)


def test_contrast_is_computed_as_the_guideline_says() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
