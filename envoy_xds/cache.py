"""The resources of one view (what one group of proxies sees), encoded once and shared by all their streams.

In: resources as the emitters want them, and what proxies said. Out: entries by type and name, notices to the streams that
watch, events to the observer. What is published is what `blame.py` admits. A cluster, endpoints or a secret that is removed
stays while an object that used it waits to be accepted in its new form or is served in its old one. Where nobody watches, nobody
will accept anything, and nothing stays.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from envoy_xds.blame import Blame
from envoy_xds.encoding import Entry, entry
from envoy_xds.events import CacheEvent, Published, Quarantined, Released
from envoy_xds.order import CDS, EDS, LDS, RDS, SDS, rank
from envoy_xds.resource import ABSENT, Resource
from envoy_xds.search import Item
from operators.ir.refs import ObjectRef

Observer = Callable[[CacheEvent], None]
Touched = dict[str, set[str]]
"""Names by type."""


def nobody(event: CacheEvent) -> None:
    """The observer where no one wants to know."""
    del event


_NOTHING: Mapping[str, Entry] = {}


class Watcher(Protocol):
    def changed(self, type_url: str, names: AbstractSet[str], sequence: int) -> None:
        """These resources differ from before; `sequence` orders the changes, those of one `apply` have the same."""


class Cache:
    def __init__(self, view: str, observer: Observer = nobody) -> None:
        self.view = view
        self._observer = observer
        self._sequence = 0
        self._entries: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._blames: defaultdict[str, Blame] = defaultdict(Blame)
        self._retained: set[tuple[str, str]] = set()
        self._quarantined: dict[tuple[str, Item], Quarantined] = {}
        self._watchers: dict[Watcher, None] = {}

    def entries(self, type_url: str) -> Mapping[str, Entry]:
        return self._entries.get(type_url, _NOTHING)

    @property
    def sequence(self) -> int:
        """The number of the last change."""
        return self._sequence

    @property
    def quarantined(self) -> tuple[Quarantined, ...]:
        return tuple(self._quarantined.values())

    def watch(self, watcher: Watcher) -> None:
        self._watchers[watcher] = None

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.pop(watcher, None)
        if self._retained and not self._watchers:
            self._publish({})

    def apply(self, upserts: Iterable[Resource], removes: Iterable[tuple[str, str]] = ()) -> None:
        """One consistent set of changes; `removes` are pairs of type URL and name."""
        touched: Touched = defaultdict(set)
        for resource in upserts:
            self._retained.discard((resource.type_url, resource.name))
            touched[resource.type_url] |= self._blames[resource.type_url].put(resource)
        removes = list(removes)
        self._retained.update(key for key in removes if key[0] in (CDS, EDS, SDS) and key[1] in self.entries(key[0]))
        for type_url, name in removes:
            if (type_url, name) not in self._retained:
                touched[type_url] |= self._blames[type_url].drop(name)
        self._publish(touched)

    def acked(self, type_url: str, versions: Iterable[tuple[str, str]]) -> None:
        if touched := self._blames[type_url].acked(versions):
            self._publish({type_url: touched})
        elif self._retained:
            self._publish({})

    def nacked(self, type_url: str, versions: Iterable[tuple[str, str]], message: str) -> None:
        if touched := self._blames[type_url].nacked(versions, message):
            self._publish({type_url: touched})

    def condemn(self, found: Quarantined) -> None:
        """Another replica found this fragment guilty."""
        blame = self._blames[found.type_url]
        if touched := blame.condemn(found.name, found.key, found.digest, found.message):
            self._publish({found.type_url: touched})

    def _release_retained(self, touched: Touched) -> None:
        if not self._retained:
            return
        needed: frozenset[ObjectRef] = frozenset()
        if self._watchers:
            needed = self._blames[LDS].unsettled() | self._blames[RDS].unsettled()
        for type_url, name in list(self._retained):
            stored = self._entries[type_url].get(name)
            if stored is None or stored.resource.origins.isdisjoint(needed):
                self._retained.remove((type_url, name))
                touched.setdefault(type_url, set()).update(self._blames[type_url].drop(name))

    def _publish(self, touched: Touched) -> None:
        self._release_retained(touched)
        self._sequence += 1
        events: list[CacheEvent] = []
        changes = [
            (type_url, self._store(type_url, touched[type_url], events)) for type_url in sorted(touched, key=rank)
        ]
        for type_url, names in changes:
            if names:
                for watcher in list(self._watchers):
                    watcher.changed(type_url, names, self._sequence)
        for event in events:
            self._observer(event)
        for type_url in touched:
            self._report(type_url)

    def _store(self, type_url: str, names: set[str], events: list[CacheEvent]) -> set[str]:
        """Bring the entries up to what is admitted; returns the names whose bytes differ."""
        blame, entries, changed = self._blames[type_url], self._entries[type_url], set()
        for name in names:
            before, resource, version = entries.get(name), blame.published(name), blame.version(name)
            if before is None and resource is None:
                continue
            if resource is None:
                del entries[name]
            elif before is not None and before.version == version:
                entries[name] = replace(before, resource=resource)
            else:
                entries[name] = entry(resource, version)
            if (before.version if before else ABSENT) != version:
                changed.add(name)
            differing = changed_origins(before.resource if before else None, resource)
            origins = resource.origins if resource else frozenset()
            events.append(Published(self.view, type_url, name, version, differing, origins, blame.held(name)))
        return changed

    def _report(self, type_url: str) -> None:
        """Tell the observer of quarantines that began or ended."""
        rejections = self._blames[type_url].rejections
        for told in self.quarantined:
            item = (told.name, told.key)
            rejection = rejections.get(item)
            if told.type_url == type_url and (rejection is None or rejection.digest != told.digest):
                del self._quarantined[type_url, item]
                self._observer(Released(self.view, type_url, told.name, told.key, told.origins))
        for item, found in rejections.items():
            if (type_url, item) not in self._quarantined:
                name, key = item
                event = Quarantined(self.view, type_url, name, key, found.digest, found.origins, found.message)
                self._quarantined[type_url, item] = event
                self._observer(event)


def changed_origins(before: Resource | None, after: Resource | None) -> frozenset[ObjectRef]:
    """The objects whose part of a resource differs."""
    old = {fragment.key: fragment for fragment in before.fragments} if before else {}
    new = {fragment.key: fragment for fragment in after.fragments} if after else {}
    origins: set[ObjectRef] = set()
    for key, fragment in new.items():
        was = old.pop(key, None)
        if was is None or was.data != fragment.data:
            origins |= fragment.origins
            origins |= was.origins if was else frozenset()
    return frozenset(origins.union(*(fragment.origins for fragment in old.values())))


class Views:
    """All views of this process by name, made when first asked for."""

    def __init__(self, observer: Observer = nobody) -> None:
        self._observer = observer
        self._caches: dict[str, Cache] = {}

    def cache(self, view: str) -> Cache:
        if view not in self._caches:
            self._caches[view] = Cache(view, self._observer)
        return self._caches[view]

    def __iter__(self) -> Iterator[Cache]:
        return iter(tuple(self._caches.values()))
