"""Entries as they are and as they should be → what to write and what to delete. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

Entries = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Changes:
    puts: Entries
    deletes: tuple[bytes, ...]

    @property
    def count(self) -> int:
        return len(self.puts) + len(self.deletes)


def diff(actual: Entries, desired: Entries) -> Changes:
    """Costs what both have, so give it what may have changed, not the world."""
    puts = {key: value for key, value in desired.items() if actual.get(key) != value}
    return Changes(puts, tuple(key for key in actual if key not in desired))
