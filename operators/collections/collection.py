"""A table of keyed values, its indexes, and who read what of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from operators.collections.values import Changes, Keyed, Stats

T = TypeVar("T", bound=Keyed)
T_co = TypeVar("T_co", bound=Keyed, covariant=True)


class Wakeable(Protocol):
    """A computed collection, as seen by what it reads."""

    def wake(self, key: str) -> None: ...


class Scheduler(Protocol):
    """The graph, as seen by its collections."""

    failures: dict[tuple[str, str], Exception]

    def schedule(self, order: int) -> None: ...
    def adopt(self, collection: "Collection[Any]") -> int: ...


Reader = tuple[Wakeable, str]
EVERY = object()  # read by those who depend on all keys


class Readers:
    """Who read which key, whether it was there or not."""

    __slots__ = ("_readers",)

    def __init__(self) -> None:
        self._readers: dict[Hashable, set[Reader]] = {}

    def add(self, key: Hashable, reader: Reader) -> None:
        self._readers.setdefault(key, set()).add(reader)

    def discard(self, key: Hashable, reader: Reader) -> None:
        readers = self._readers.get(key)
        if readers is not None:
            readers.discard(reader)
            if not readers:
                del self._readers[key]

    def wake(self, key: Hashable) -> None:
        for target, input_key in self._readers.get(key, ()):
            target.wake(input_key)


class Collection(ABC, Generic[T]):
    """Values by key. Only the graph's commit changes it."""

    def __init__(self, graph: Scheduler, name: str) -> None:
        self.name = name
        self.stats = Stats()
        self.readers = Readers()
        self.graph = graph
        self._values: dict[str, T] = {}
        self._ordered: tuple[T, ...] | None = None
        self._indexes: list[Index[T]] = []
        self._followers: list[Callable[[Changes[T]], None]] = []
        self._subscribers: list[Callable[[Changes[T]], None]] = []
        self.order = graph.adopt(self)

    def get(self, key: str) -> T | None:
        return self._values.get(key)

    def values(self) -> tuple[T, ...]:
        """All values in key order."""
        if self._ordered is None:
            self._ordered = tuple(self._values[key] for key in sorted(self._values))
        return self._ordered

    def keys(self) -> Iterable[str]:
        return self._values.keys()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def index(self, name: str, fn: Callable[[T], Hashable | Iterable[Hashable]]) -> "Index[T]":
        """An index by what `fn` returns: one key, or several as a list, tuple, set or generator; None is no key.

        A tuple is several keys, so a composed key is a string or a frozen dataclass.
        """
        index = Index(self, f"{self.name}.{name}", fn)
        self._indexes.append(index)
        index.update(Changes(upserts=dict(self._values)))
        return index

    def subscribe(self, fn: Callable[[Changes[T]], None]) -> None:
        """Call `fn` with the changes of every commit, after all collections are computed; at once with what is there already."""
        self._subscribers.append(fn)
        if self._values:
            fn(Changes(upserts=dict(sorted(self._values.items()))))

    def follow(self, fn: Callable[[Changes[T]], None]) -> None:
        """For collections computed from this one: called during the commit, as soon as this one has settled."""
        self._followers.append(fn)

    @abstractmethod
    def settle(self) -> Changes[T]:
        """Compute what is pending and return how the values change; the graph calls it once per commit, in order."""

    def apply(self, changes: Changes[T]) -> None:
        """Take `changes` over and wake all that read them."""
        self._values.update(changes.upserts)
        for key in changes.deletes:
            del self._values[key]
        self._ordered = None
        for key in changes:
            self.readers.wake(key)
        self.readers.wake(EVERY)
        for index in self._indexes:
            index.update(changes)
        for follower in self._followers:
            follower(changes)

    def publish(self, changes: Changes[T]) -> None:
        for subscriber in self._subscribers:
            subscriber(changes)


class Index(Generic[T]):
    """The values of a collection by a computed key."""

    def __init__(self, collection: Collection[T], name: str, fn: Callable[[T], Hashable | Iterable[Hashable]]) -> None:
        self.name = name
        self.collection = collection
        self.readers = Readers()
        self._fn = fn
        self._keys: dict[str, frozenset[Hashable]] = {}
        self._members: dict[Hashable, dict[str, T]] = {}
        self._ordered: dict[Hashable, tuple[T, ...]] = {}
        self._followers: list[Callable[[set[Hashable]], None]] = []

    def all(self, key: Hashable) -> tuple[T, ...]:
        """The values under `key`, in key order."""
        if isinstance(key, tuple):
            raise TypeError(f"index {self.name}: a tuple is several keys, not one: {key!r}")
        if key not in self._ordered:
            members = self._members.get(key)
            if members is None:
                return ()
            self._ordered[key] = tuple(members[name] for name in sorted(members))
        return self._ordered[key]

    def keys(self) -> Iterable[Hashable]:
        return self._members.keys()

    def follow(self, fn: Callable[[set[Hashable]], None]) -> None:
        self._followers.append(fn)

    def update(self, changes: Changes[T]) -> None:
        """Move what changed to its keys and wake the readers of every key that was touched."""
        touched: set[Hashable] = set()
        for key, value in changes.upserts.items():
            touched |= self._place(key, value, self._keys_of(key, value))
        for key in changes.deletes:
            self.collection.graph.failures.pop((self.name, key), None)
            touched |= self._place(key, None, frozenset())
        for index_key in touched:
            self._ordered.pop(index_key, None)
            self.readers.wake(index_key)
        for follower in self._followers:
            follower(touched)

    def _keys_of(self, key: str, value: T) -> frozenset[Hashable]:
        failures = self.collection.graph.failures
        try:
            keys = frozenset(_spread(self._fn(value)))
        except Exception as error:  # noqa: BLE001 - one object's failure is its own; it stays where it was and is reported
            failures[self.name, key] = error
            return self._keys.get(key, frozenset())
        failures.pop((self.name, key), None)
        return keys

    def _place(self, key: str, value: T | None, new: frozenset[Hashable]) -> frozenset[Hashable]:
        old = self._keys.get(key, frozenset())
        for index_key in old - new:
            members = self._members[index_key]
            del members[key]
            if not members:
                del self._members[index_key]
        if value is None:
            self._keys.pop(key, None)
            return old
        for index_key in new:
            self._members.setdefault(index_key, {})[key] = value
        self._keys[key] = new
        return old | new


def _spread(keys: Hashable | Iterable[Hashable]) -> Iterator[Hashable]:
    """One key, several keys or none, as several."""
    if isinstance(keys, (list, tuple, set, frozenset, Iterator)):
        yield from keys
    elif not isinstance(keys, Hashable):
        raise TypeError(f"not an index key: {keys!r}")
    elif keys is not None:
        yield keys
