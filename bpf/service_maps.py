"""Writes services into their maps, so that a client finds at every moment a backend of before or after, never none between.

What a frontend leads to is there before the frontend counts it, and goes after nothing counts it any more.
"""

from collections.abc import Iterable
from typing import Self

from bpf.diff import Changes, Entries, diff
from bpf.kernel import Kernel, Map
from bpf.maps.services import BACKEND, FRONTEND, FRONTEND_KEY, MEMBER_KEY, SLOT_KEY, ServiceEntries


class ServiceMaps:
    def __init__(self, frontends: Map, slots: Map, members: Map) -> None:
        self._frontends = frontends
        self._slots = slots
        self._members = members

    @classmethod
    def of(cls, kernel: Kernel) -> Self:
        """Those of the loaded object `connect`."""
        return cls(
            kernel.map("frontends", FRONTEND_KEY.size, FRONTEND.size),
            kernel.map("slots", SLOT_KEY.size, BACKEND.size),
            kernel.map("members", MEMBER_KEY.size, BACKEND.size),
        )

    def read(self) -> ServiceEntries:
        """All that is there, as an agent finds it when it starts."""
        return ServiceEntries(dict(self._frontends.items()), dict(self._slots.items()), dict(self._members.items()))

    def change(self, before: ServiceEntries, after: ServiceEntries) -> int:
        """Returns how many entries were written or deleted.

        Raises MapFullError where there is no room; then what is `before` is served on.
        """
        frontends = diff(before.frontends, after.frontends)
        slots = diff(before.slots, after.slots)
        members = diff(before.members, after.members)
        self._add(before, slots, members, frontends.puts)
        self._frontends.delete(frontends.deletes)
        self._members.delete(members.deletes)
        self._slots.delete(slots.deletes)
        return frontends.count + slots.count + members.count

    def _add(self, before: ServiceEntries, slots: Changes, members: Changes, frontends: Entries) -> None:
        """Adds first; what was added of a service that does not fit is taken back."""
        steps = (
            (self._slots, slots.puts, before.slots),
            (self._members, members.puts, before.members),
            (self._frontends, frontends, before.frontends),
        )
        done: list[tuple[Map, Entries, Entries]] = []
        for target, puts, old in steps:
            done.append((target, puts, old))
            try:
                target.put(puts)
            except OSError:
                _take_back(reversed(done))
                raise


def _take_back(steps: Iterable[tuple[Map, Entries, Entries]]) -> None:
    for target, puts, old in steps:
        target.put({key: old[key] for key in puts if key in old})
        target.delete(key for key in puts if key not in old)
