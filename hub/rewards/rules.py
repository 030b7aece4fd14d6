"""The rules of badges and levels, read from `badges.toml`. What the facts are: `hub/honours.py`."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.utils.translation import get_language

FILE = Path(__file__).with_name("badges.toml")
RARITIES = ("common", "uncommon", "rare", "legendary")


@dataclass(frozen=True)
class Words:
    """A text in both languages; as a string the reader's."""

    en: str
    zh: str

    def __str__(self) -> str:
        return self.zh if (get_language() or "").startswith("zh") else self.en


@dataclass(frozen=True)
class Rule:
    """What must be so: each fact at least as large as it says."""

    id: str
    title: Words
    needs: Mapping[str, float]

    def is_met(self, facts: Mapping[str, float]) -> bool:
        return all(facts.get(name, 0) >= least for name, least in self.needs.items())


@dataclass(frozen=True)
class Badge(Rule):
    about: Words
    icon: str
    rarity: str


@dataclass(frozen=True)
class Rules:
    badges: Mapping[str, Badge]
    levels: tuple[Rule, ...]  # lowest first
    digest: str

    def level(self, facts: Mapping[str, float]) -> Rule | None:
        """The highest level whose needs, and those of all below it, are met."""
        met = None
        for level in self.levels:
            if not level.is_met(facts):
                break
            met = level
        return met


@lru_cache(maxsize=1)
def rules() -> Rules:
    return read(FILE.read_bytes())


def read(text: bytes) -> Rules:
    """Parse a file of rules.

    Raises:
        KeyError, TypeError, ValueError: it is not as the head of `badges.toml` says.
    """
    found = tomllib.loads(text.decode())
    badges = [
        Badge(
            id=one["id"],
            title=Words(**one["title"]),
            needs=one["needs"],
            about=Words(**one["about"]),
            icon=one["icon"],
            rarity=one["rarity"],
        )
        for one in found["badge"]
    ]
    if unknown := {badge.rarity for badge in badges} - set(RARITIES):
        raise ValueError(f"rarity {unknown.pop()!r}: give one of {', '.join(RARITIES)}")
    levels = tuple(Rule(one["id"], Words(**one["title"]), one["needs"]) for one in found["level"])
    return Rules({badge.id: badge for badge in badges}, levels, hashlib.sha256(text).hexdigest())
