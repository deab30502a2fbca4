"""Collections that are computed: from each object of a parent, from each group of an index, or from a whole collection."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar, cast

from operators.collections.collection import EVERY, Collection, Index, Reader, Readers, Scheduler
from operators.collections.values import Changes, Group, Keyed

T = TypeVar("T", bound=Keyed)
In = TypeVar("In", bound=Keyed)
Out = TypeVar("Out", bound=Keyed)

Read = tuple[Readers, Hashable]
Result: TypeAlias = Iterable[Out] | Out | None


class Context:
    """What a function may look at besides its own object; every look is recorded, also at what is not there."""

    __slots__ = ("_order", "reads")

    def __init__(self, order: int) -> None:
        self._order = order
        self.reads: set[Read] = set()

    def one(self, collection: Collection[T], key: str) -> T | None:
        """The value under `key`."""
        self._record(collection, collection.readers, key)
        return collection.get(key)

    def all(self, index: Index[T], key: Hashable) -> tuple[T, ...]:
        """The values under `key` of an index, in key order."""
        self._record(index.collection, index.readers, key)
        return index.all(key)

    def every(self, collection: Collection[T]) -> tuple[T, ...]:
        """All values, in key order: runs again at any change, so for small collections."""
        self._record(collection, collection.readers, EVERY)
        return collection.values()

    def _record(self, collection: Collection[Any], readers: Readers, key: Hashable) -> None:
        if collection.order >= self._order:
            raise LookupError(f"collection {collection.name} is made later than what reads it")
        self.reads.add((readers, key))


@dataclass(slots=True)
class _Input:
    """The last good outputs of one input, and what its last run read."""

    outputs: frozenset[str] = frozenset()
    reads: set[Read] = field(default_factory=set)


class Computed(Collection[Out]):
    """Outputs per input key. An output key that several inputs claim belongs to the lowest input key; the claim is counted."""

    def __init__(self, graph: Scheduler, name: str) -> None:
        super().__init__(graph, name)
        self._dirty: set[str] = set()
        self._inputs: dict[str, _Input] = {}
        self._claims: dict[str, dict[str, Out]] = {}

    def wake(self, key: str) -> None:
        self._dirty.add(key)
        self.graph.schedule(self.order)

    def settle(self) -> Changes[Out]:
        dirty, self._dirty = self._dirty, set()
        started = perf_counter()
        touched: set[str] = set()
        for key in sorted(dirty):
            touched |= self._run(key)
        changes = self._changes(touched)
        self.stats.recomputed += len(dirty)
        self.stats.seconds += perf_counter() - started
        return changes

    @abstractmethod
    def present(self, key: str) -> bool:
        """Whether this input exists; one that does not has no outputs."""

    @abstractmethod
    def evaluate(self, key: str, context: Context) -> Result[Out]:
        """The outputs of an input that exists."""

    def _run(self, key: str) -> set[str]:
        """Compute one input again; return the output keys that may have changed."""
        if not self.present(key):
            self.graph.failures.pop((self.name, key), None)
            self._depend(key, set())
            return self._claim(key, {})
        context = Context(self.order)
        try:
            outputs = self._keyed(self.evaluate(key, context))
        except Exception as error:  # noqa: BLE001 - one object's failure is its own: it keeps its last good outputs and is reported
            self.graph.failures[self.name, key] = error
            self._depend(key, context.reads)
            return set()
        self.graph.failures.pop((self.name, key), None)
        self._depend(key, context.reads)
        return self._claim(key, outputs)

    def _keyed(self, result: Result[Out]) -> dict[str, Out]:
        outputs: dict[str, Out] = {}
        for output in _spread(result):
            if outputs.setdefault(output.key, output) is not output:
                self.stats.collisions += 1
        return outputs

    def _depend(self, key: str, reads: set[Read]) -> None:
        """Exchange what wakes this input."""
        record = self._inputs.setdefault(key, _Input())
        reader: Reader = (self, key)
        for readers, read_key in record.reads - reads:
            readers.discard(read_key, reader)
        for readers, read_key in reads - record.reads:
            readers.add(read_key, reader)
        record.reads = reads

    def _claim(self, key: str, outputs: dict[str, Out]) -> set[str]:
        """Exchange the outputs of this input."""
        record = self._inputs[key]
        for gone in record.outputs - outputs.keys():
            del self._claims[gone][key]
        for output_key, output in outputs.items():
            claims = self._claims.setdefault(output_key, {})
            claims[key] = output
            self.stats.collisions += len(claims) > 1
        touched = record.outputs | outputs.keys()
        record.outputs = frozenset(outputs)
        if not outputs and not self.present(key):
            del self._inputs[key]
        return set(touched)

    def _changes(self, touched: set[str]) -> Changes[Out]:
        changes: Changes[Out] = Changes()
        for key in sorted(touched):
            claims = self._claims[key]
            if not claims:
                del self._claims[key]
                if key in self:
                    changes.deletes.add(key)
                continue
            output = claims[min(claims)]
            if output != self.get(key):
                changes.upserts[key] = output
        return changes


class Derived(Computed[Out], Generic[In, Out]):
    """`fn` of each object of `parent`."""

    def __init__(
        self, graph: Scheduler, name: str, parent: Collection[In], fn: Callable[[In, Context], Result[Out]]
    ) -> None:
        super().__init__(graph, name)
        self._parent = parent
        self._fn = fn
        parent.follow(self._follow)
        self._follow(Changes(upserts={value.key: value for value in parent.values()}))

    def _follow(self, changes: Changes[In]) -> None:
        for key in changes:
            self.wake(key)

    def present(self, key: str) -> bool:
        return key in self._parent

    def evaluate(self, key: str, context: Context) -> Result[Out]:
        value = self._parent.get(key)
        return None if value is None else self._fn(value, context)


class Collected(Computed[Out], Generic[In, Out]):
    """`fn` of all of `parent`, in key order; also of none."""

    def __init__(
        self, graph: Scheduler, name: str, parent: Collection[In], fn: Callable[[tuple[In, ...], Context], Result[Out]]
    ) -> None:
        super().__init__(graph, name)
        self._parent = parent
        self._fn = fn
        self.wake("")

    def present(self, key: str) -> bool:
        return key == ""

    def evaluate(self, key: str, context: Context) -> Result[Out]:  # noqa: ARG002 - there is one input
        return self._fn(context.every(self._parent), context)


class Groups(Collection[Group[In]], Generic[In]):
    """A Group for every key of an index, whose keys must be strings."""

    def __init__(self, graph: Scheduler, name: str, index: Index[In]) -> None:
        super().__init__(graph, name)
        self._index = index
        self._dirty: set[str] = set()
        index.follow(self._follow)
        self._follow(set(index.keys()))

    def _follow(self, touched: set[Hashable]) -> None:
        for key in touched:
            if not isinstance(key, str):
                raise TypeError(f"groups {self.name}: the index key {key!r} is not a string")
            self._dirty.add(key)
        if self._dirty:
            self.graph.schedule(self.order)

    def settle(self) -> Changes[Group[In]]:
        dirty, self._dirty = self._dirty, set()
        started = perf_counter()
        changes: Changes[Group[In]] = Changes()
        for key in sorted(dirty):
            members = self._index.all(key)
            if members:
                changes.upserts[key] = Group(key, members)
            elif key in self:
                changes.deletes.add(key)
        self.stats.recomputed += len(dirty)
        self.stats.seconds += perf_counter() - started
        return changes


def _spread(result: Result[Out]) -> Iterable[Out]:
    """One output, several or none, as several. What has a key is one, even if it could be iterated."""
    if result is None:
        return ()
    if hasattr(result, "key"):
        return (cast("Out", result),)
    return result
