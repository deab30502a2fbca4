"""The ledger's records: resources as numbered versions, proxies by what they lack, objects by who lacks them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from envoy_xds.resource import ABSENT
from operators.ir.refs import ObjectRef

Key = tuple[str, str]
"""A resource within a view: type URL and name."""

Place = tuple[str, Key]
"""A resource: view and key."""

NOTHING = 0
"""The number of what a proxy has that does not have the resource."""

_REMEMBERED = 64
"""Versions of a resource whose late acknowledgement can still be placed."""


@dataclass(slots=True)
class Track:
    """A resource. Its versions are numbered as they come; `due` says since which number an object's part is as it is."""

    version: str = ABSENT
    number: int = NOTHING
    numbers: dict[str, int] = field(default_factory=dict)
    origins: frozenset[ObjectRef] = frozenset()
    held: frozenset[ObjectRef] = frozenset()
    due: dict[ObjectRef, int] = field(default_factory=dict)
    """A proxy has the object's part when it has this number or a later one."""
    log: dict[int, set[ObjectRef]] = field(default_factory=dict)
    """`due` the other way round, for the objects whose part a proxy may lack."""
    behind: int = 0
    """How many proxies have another version."""
    nacks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By proxy: the version it refused and what it said."""

    def advance(self, version: str) -> None:
        self.version = version
        self.number += 1
        self.numbers.pop(version, None)
        self.numbers[version] = self.number
        if len(self.numbers) > _REMEMBERED:
            del self.numbers[next(iter(self.numbers))]
        self.nacks = {proxy: nack for proxy, nack in self.nacks.items() if nack[0] == version}

    def renew(self, ref: ObjectRef) -> None:
        """The object's part is as it is since the newest version."""
        self._unlog(ref)
        self.due[ref] = self.number
        self.log.setdefault(self.number, set()).add(ref)

    def forget(self, ref: ObjectRef) -> None:
        self._unlog(ref)
        del self.due[ref]

    def gained(self, low: int, high: int) -> list[ObjectRef]:
        """The objects whose part a proxy gets by going from one number to the other."""
        return [ref for number, refs in self.log.items() if low < number <= high for ref in refs] if low < high else []

    def lost(self, high: int, low: int) -> list[ObjectRef]:
        """The objects whose part a proxy loses by falling back from one number to the other; it may gain them again."""
        refs = [ref for ref, number in self.due.items() if low < number <= high] if low < high else []
        for ref in refs:
            self.log.setdefault(self.due[ref], set()).add(ref)
        return refs

    def settle(self) -> list[ObjectRef]:
        """When no proxy is behind, nothing is pending; returns the objects that have no part any more."""
        if self.behind:
            return []
        self.log.clear()
        gone = [ref for ref in self.due if ref not in self.origins and ref not in self.held]
        for ref in gone:
            del self.due[ref]
        return gone

    def _unlog(self, ref: ObjectRef) -> None:
        refs = self.log.get(self.due.get(ref, NOTHING))
        if refs is not None:
            refs.discard(ref)
            if not refs:
                del self.log[self.due[ref]]


@dataclass(slots=True)
class Proxy:
    view: str
    node: str
    since: float
    counted: bool = False
    expires: float | None = None
    lacks: dict[Key, tuple[str, int]] = field(default_factory=dict)
    """Where it has another version than the newest: that version, and the latest number that it certainly has."""
    unheard: set[Key] = field(default_factory=set)
    """What it has not yet answered for since it first connected."""

    def number(self, key: Key, track: Track) -> int:
        return self.lacks[key][1] if key in self.lacks else track.number

    def has(self, key: Key, track: Track) -> str:
        return self.lacks[key][0] if key in self.lacks else track.version


@dataclass(slots=True)
class Object:
    places: dict[Place, None] = field(default_factory=dict)
    """Where it has a part, or had one that a proxy may still have."""
    lag: dict[str, int] = field(default_factory=dict)
    """By counted proxy: of how many resources it lacks this object's part."""
    quarantined: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    """By view, type URL, name and fragment: what a proxy said of this object's part."""

    def change(self, proxy: str, step: int) -> None:
        lag = self.lag.get(proxy, 0) + step
        if lag:
            self.lag[proxy] = lag
        else:
            self.lag.pop(proxy, None)


@dataclass(slots=True)
class View:
    tracks: dict[Key, Track] = field(default_factory=dict)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    counted: dict[str, None] = field(default_factory=dict)
    nodes: dict[str, dict[str, None]] = field(default_factory=dict)
    """By node, its proxies."""

    def leave(self, proxy: str, node: str) -> None:
        del self.nodes[node][proxy]
        if not self.nodes[node]:
            del self.nodes[node]

    def everyone(self) -> Iterable[ObjectRef]:
        return (ref for track in self.tracks.values() for ref in track.due)
