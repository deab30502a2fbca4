"""The graph: where collections are made, and where pending changes become one transaction."""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar, overload

from operators.collections.collection import Collection, Index, Scheduler
from operators.collections.computed import Collected, Context, Derived, Groups, Result
from operators.collections.values import Changes, Group, Keyed

T = TypeVar("T", bound=Keyed)
In = TypeVar("In", bound=Keyed)
Out = TypeVar("Out", bound=Keyed)


class Source(Collection[T]):
    """Objects from outside. What is set or deleted is seen by readers after the next commit."""

    def __init__(self, graph: Scheduler, name: str) -> None:
        super().__init__(graph, name)
        self._pending: dict[str, T | None] = {}

    def set(self, value: T) -> None:
        self._put(value.key, value)

    def delete(self, key: str) -> None:
        """Absent is fine."""
        self._put(key, None)

    def replace(self, values: Iterable[T]) -> None:
        """Make `values` all there is."""
        new = {value.key: value for value in values}
        for key in (self._values.keys() | self._pending.keys()) - new.keys():
            self.delete(key)
        for value in new.values():
            self.set(value)

    def latest(self, key: str) -> T | None:
        """What was last put in, committed or not."""
        return self._pending[key] if key in self._pending else self.get(key)

    def _put(self, key: str, value: T | None) -> None:
        self._pending[key] = value
        self.graph.schedule(self.order)

    def settle(self) -> Changes[T]:
        pending, self._pending = self._pending, {}
        changes: Changes[T] = Changes()
        for key in sorted(pending):
            value = pending[key]
            if value is None:
                if key in self:
                    changes.deletes.add(key)
            elif value != self.get(key):
                changes.upserts[key] = value
        self.stats.recomputed += len(pending)
        return changes


class Graph:
    """Makes collections; the order in which they are made is the order in which they are computed, so what one reads is made before it."""

    def __init__(self) -> None:
        self.collections: list[Collection[Any]] = []
        self.failures: dict[tuple[str, str], Exception] = {}
        self._dirty: set[int] = set()
        self._heap: list[int] = []
        self._committing = False
        self._after: list[Callable[[], None]] = []

    def source(self, name: str, kind: type[T]) -> Source[T]:  # noqa: ARG002 - the type is for the reader and the checker
        return Source(self, name)

    @overload
    def derive(
        self, name: str, parent: Collection[In], fn: Callable[[In, Context], Iterable[Out]]
    ) -> Collection[Out]: ...
    @overload
    def derive(self, name: str, parent: Collection[In], fn: Callable[[In, Context], Out | None]) -> Collection[Out]: ...
    def derive(self, name: str, parent: Collection[In], fn: Callable[[In, Context], Result[Out]]) -> Collection[Out]:
        """What `fn` returns for each object of `parent`: one value, several, or none."""
        return Derived(self, name, parent, fn)

    @overload
    def collect(
        self, name: str, parent: Collection[In], fn: Callable[[tuple[In, ...], Context], Iterable[Out]]
    ) -> Collection[Out]: ...
    @overload
    def collect(
        self, name: str, parent: Collection[In], fn: Callable[[tuple[In, ...], Context], Out | None]
    ) -> Collection[Out]: ...
    def collect(
        self, name: str, parent: Collection[In], fn: Callable[[tuple[In, ...], Context], Result[Out]]
    ) -> Collection[Out]:
        """What `fn` returns for all objects of `parent` at once, also for none: for small collections."""
        return Collected(self, name, parent, fn)

    def groups(self, name: str, index: Index[In]) -> Collection[Group[In]]:
        """A Group of members for each key of `index`."""
        return Groups(self, name, index)

    def adopt(self, collection: Collection[Any]) -> int:
        if any(other.name == collection.name for other in self.collections):
            raise ValueError(f"two collections named {collection.name}")
        self.collections.append(collection)
        return len(self.collections) - 1

    def schedule(self, order: int) -> None:
        if order not in self._dirty:
            self._dirty.add(order)
            heappush(self._heap, order)

    @property
    def pending(self) -> bool:
        return bool(self._heap)

    def commit(self) -> int:
        """Apply all pending changes as one transaction; return how many collections changed.

        Subscribers run after everything is computed; what they put into sources waits for the next commit.
        """
        if self._committing:
            raise RuntimeError("commit called during a commit")
        self._committing = True
        try:
            changed = self._compute()
        finally:
            self._committing = False
        for collection, changes in changed:
            collection.publish(changes)
        for fn in self._after:
            fn()
        return len(changed)

    def after_commit(self, fn: Callable[[], None]) -> None:
        """Call `fn` after every commit, when all subscribers have been told."""
        self._after.append(fn)

    def _compute(self) -> list[tuple[Collection[Any], Changes[Any]]]:
        changed = []
        while self._heap:
            order = heappop(self._heap)
            self._dirty.discard(order)
            collection = self.collections[order]
            changes = collection.settle()
            if changes:
                collection.apply(changes)
                changed.append((collection, changes))
        return changed
