"""Finding the guilty among suspects by trying halves: the bookkeeping, without knowing what a trial is.

A search owns disjoint items. Those on `trial` are published, those in `waiting` are held back; when the trial is accepted the
next group is tried. A group whose sibling was accepted must hold a guilty one, so it is halved before it is tried.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from envoy_xds.resource import HEAD

Item = tuple[str, str]
"""A resource's name and a fragment's key."""


def split(items: Iterable[Item], message: str) -> tuple[list[Item], list[Item]]:
    """What to try and what to hold back. Whole resources first, then fragments; what the message names is held back first."""
    ordered = sorted(items)
    names = sorted({name for name, _ in ordered})
    if len(names) > 1:
        blamed = _blamed(names, message)
        return [i for i in ordered if i[0] not in blamed], [i for i in ordered if i[0] in blamed]
    keys = [key for _, key in ordered if key != HEAD]
    blamed = _blamed(keys, message)
    return [i for i in ordered if i[1] not in blamed], [i for i in ordered if i[1] in blamed]


def _blamed(units: list[str], message: str) -> frozenset[str]:
    """The units to hold back: those the message names, or the second half; never all, never none."""
    named = frozenset(unit for unit in units if unit in message)
    return named if 0 < len(named) < len(units) else frozenset(units[(len(units) + 1) // 2 :])


@dataclass(slots=True)
class Search:
    trial: set[Item] = field(default_factory=set)
    waiting: list[list[Item]] = field(default_factory=list)
    accepted: bool = True
    """Nothing of the current trial was rejected."""

    def absorb(self, other: "Search") -> None:
        self.trial |= other.trial
        self.waiting += other.waiting

    def halve(self, suspects: Iterable[Item], message: str) -> list[Item]:
        """Try one part of the suspects and hold back the other, which is returned."""
        suspects = list(suspects)
        tried, held = split(suspects, message)
        self.trial = (self.trial - set(suspects)) | set(tried)
        self.waiting.append(held)
        self.accepted = True
        return held

    def forget(self, item: Item) -> None:
        self.trial.discard(item)
        for group in self.waiting:
            if item in group:
                group.remove(item)

    def convict(self, item: Item) -> None:
        self.trial.discard(item)
        self.accepted = False

    def advance(self) -> list[Item]:
        """When the trial is over, the items to publish for the next one; empty while it goes on or when all is done."""
        while not self.trial and self.waiting:
            if self.accepted:
                group = self.waiting.pop()
            else:  # a guilty one was found: it explains why all the other groups were held back
                group, self.waiting = [item for waiting in self.waiting for item in waiting], []
            if self.accepted and len(_units(group)) > 1:
                group, held = split(group, "")
                self.waiting.append(held)
            self.trial = set(group)
            self.accepted = True
            if group:
                return group
        return []

    @property
    def over(self) -> bool:
        return not self.trial and not self.waiting


def _units(group: list[Item]) -> set[str]:
    names = {name for name, _ in group}
    return names if len(names) > 1 else {key for _, key in group if key != HEAD}
