"""The values that collections hold and hand out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Keyed(Protocol):
    """Anything with a key that is unique in its collection. Compared by `==`, so it must not change after it was handed over."""

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Changes(Generic[T]):
    """What one commit did to one collection; iterates over all keys that it touched."""

    upserts: dict[str, T] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.upserts or self.deletes)

    def __iter__(self) -> Iterator[str]:
        yield from self.upserts
        yield from self.deletes


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """The members of one index key, in key order; there is no group without members."""

    key: str
    members: tuple[T, ...]


@dataclass(slots=True)
class Stats:
    """Shows a dependency that is too wide: `recomputed` grows by more than what changed."""

    recomputed: int = 0
    seconds: float = 0.0
    collisions: int = 0
