"""Runs what encodes an object: one that cannot be encoded is a bug of ours, which costs its objects this update and nobody else.

What was made before goes on; the objects say so until the attempt succeeds or is no longer wanted.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from operators.ir.refs import ObjectRef

log = structlog.get_logger("emit")

T = TypeVar("T")
Told = Callable[[Iterable[ObjectRef]], None]


@dataclass(frozen=True, slots=True)
class Failure:
    origins: frozenset[ObjectRef]
    error: Exception


def nobody(origins: Iterable[ObjectRef]) -> None:
    """Where no one says it on."""
    del origins


class Attempts:
    """`told` hears of the objects whose attempt failed, or succeeded again."""

    def __init__(self, told: Told = nobody) -> None:
        self._told = told
        self._failures: dict[Hashable, Failure] = {}

    def make(self, place: Hashable, origins: frozenset[ObjectRef], fn: Callable[[], T]) -> T | None:
        """What `fn` returns; None where it raises. `place` is what is being made, for the next attempt at it."""
        try:
            made = fn()
        except Exception as error:
            log.exception("not encoded", place=place, origins=[str(ref) for ref in sorted(origins, key=str)])
            self._failures[place] = Failure(origins, error)
            self._told(origins)
            return None
        self.forget(place)
        return made

    def forget(self, place: Hashable) -> None:
        """It is not wanted any more, or was made."""
        failure = self._failures.pop(place, None)
        if failure is not None:
            self._told(failure.origins)

    def failure_of(self, ref: ObjectRef) -> Exception | None:
        """The first error of an attempt at a part of this object."""
        return next((one.error for one in self._failures.values() if ref in one.origins), None)
