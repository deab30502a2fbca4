"""What the controller told this node, as a value. No I/O.

Rejecting a response takes back only what was bad in it: the controller sends the rest again in parts, and finds it done.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """One resource and the version of what was told about it."""

    version: str
    value: T


@dataclass(frozen=True, slots=True)
class Update(Generic[T]):
    """One response."""

    added: Mapping[str, Told[T]]
    removed: frozenset[str]


@dataclass(frozen=True, slots=True)
class State(Generic[T]):
    """`complete`: the controller told everything once, so what is not in here should not be on the node."""

    told: Mapping[str, Told[T]] = field(default_factory=dict)
    complete: bool = False

    @property
    def versions(self) -> dict[str, str]:
        """For the next stream, so that nothing is sent twice."""
        return {name: one.version for name, one in self.told.items()}

    @property
    def values(self) -> dict[str, T]:
        return {name: one.value for name, one in self.told.items()}

    def after(self, update: Update[T]) -> "State[T]":
        kept = {name: one for name, one in self.told.items() if name not in update.removed}
        return State(kept | dict(update.added), complete=True)

    def taking_back(self, bad: Iterable[str], before: "State[T]") -> "State[T]":
        """These as they were before, all else as it is now."""
        told = dict(self.told)
        for name in bad:
            told.pop(name, None)
            if name in before.told:
                told[name] = before.told[name]
        return replace(self, told=told)
