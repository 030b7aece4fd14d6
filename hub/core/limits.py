"""So many in so many seconds: a count of tries, kept where a database row would cost more than the try.

Not in charge of the limits on log-ins, sign-ups and codes (django-allauth counts those in the same cache)
nor of quotas of jobs (`bench/quotas.py`), which are facts and counted from rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from hub.core import clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """At most `most` within a window of `seconds`; windows begin at multiples of it."""

    name: str
    most: int
    seconds: int

    def spend(self, whose: object) -> bool:
        """Count one more of `whose`; False if that is one too many."""
        return self._count(whose, add=1) <= self.most

    def spent(self, whose: object) -> bool:
        """Whether `whose` has none left, without counting one."""
        return self._count(whose, add=0) >= self.most

    def _count(self, whose: object, add: int) -> int:
        key = f"limit:{self.name}:{whose}:{int(clock.now().timestamp()) // self.seconds}"
        cache.add(key, 0, self.seconds)
        try:
            return int(cache.incr(key, add))
        except ValueError:  # a cache that keeps nothing
            return add


class SharedCount(RedisCache):
    """Redis for the counts of several processes. Without Redis nobody is locked out: nothing is counted."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._else(default, super().get, key, default, version)

    def add(self, *given: Any, **named: Any) -> bool:
        return bool(self._else(True, super().add, *given, **named))

    def set(self, *given: Any, **named: Any) -> None:
        self._else(None, super().set, *given, **named)

    def delete(self, *given: Any, **named: Any) -> bool:
        return bool(self._else(False, super().delete, *given, **named))

    def incr(self, *given: Any, **named: Any) -> int:
        return int(self._else(0, super().incr, *given, **named))

    @staticmethod
    def _else(instead: Any, ask: Any, *given: Any, **named: Any) -> Any:
        try:
            return ask(*given, **named)
        except RedisError as error:
            log.warning("Tries are not counted, Redis does not answer: %s", type(error).__name__)
            return instead
