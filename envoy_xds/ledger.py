"""From acknowledgements to progress: how many of the proxies that need an object's newest form have it, and who lacks it.

In: events of caches and proxies, of this process and of other replicas; versions are content hashes, so it does not matter
whose. Out: `progress` of an object, and a notice of the objects whose progress changed.

Kept per proxy is only what it lacks, so an acknowledgement costs what was pending and a proxy in sync costs nothing. An object
that shares a resource with others is acknowledged by any version that has its newest part. A proxy counts from the end of its
first synchronisation (every resource of its view accepted or rejected once, or `grace` seconds) until `grace` seconds after it
left, or until another one on its node counts.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from envoy_xds.events import (
    Acked,
    Connected,
    Disconnected,
    Event,
    Nacked,
    Published,
    Quarantined,
    Released,
    Versions,
)
from envoy_xds.resource import ABSENT
from envoy_xds.tracks import NOTHING, Key, Object, Proxy, Track, View
from operators.ir.refs import ObjectRef

GRACE = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """On `acked` of `needed` nodes every proxy has the object's newest form; `waiting` are the others.

    `rejected` is what a proxy said when it refused a part of it, of which the last good form (if any) is served then.
    `idle`: there are proxies, and none needs anything of it.
    """

    acked: int = 0
    needed: int = 0
    waiting: tuple[str, ...] = ()
    rejected: str | None = None
    idle: bool = False


class Ledger:
    def __init__(
        self,
        notify: Callable[[frozenset[ObjectRef]], None],
        clock: Callable[[], float] = time.monotonic,
        grace: float = GRACE,
    ) -> None:
        self._notify = notify
        self._clock = clock
        self._grace = grace
        self._views: dict[str, View] = {}
        self._proxies: dict[str, Proxy] = {}
        self._objects: dict[ObjectRef, Object] = {}
        self._changed: set[ObjectRef] = set()

    def handle(self, event: Event) -> None:
        """Take one event into account and tell whose progress it changed."""
        match event:
            case Published():
                self._published(event)
            case Quarantined() | Released():
                self._judged(event)
            case Connected():
                self._connected(event)
            case Disconnected():
                self._disconnected(event.proxy)
            case Acked() | Nacked():
                if event.proxy in self._proxies:
                    self._answered(event)
        self._tell()

    def expire(self) -> None:
        """To be called now and then: proxies that left long ago stop counting, those that start slowly begin to."""
        now = self._clock()
        for name, proxy in list(self._proxies.items()):
            if proxy.expires is not None and proxy.expires <= now:
                self._drop(name)
            elif not proxy.counted and proxy.since + self._grace <= now:
                self._count(name, proxy)
        self._tell()

    def progress(self, ref: ObjectRef) -> Progress:
        found = self._objects.get(ref)
        if found is None:
            return Progress()
        counted = {name: None for view in {view for view, _ in found.places} for name in self._views[view].counted}
        held = any(ref in self._views[view].tracks[key].held for view, key in found.places)
        needed = {self._proxies[name].node for name in counted}
        waiting = {self._proxies[name].node for name in (counted if held else found.lag)}
        return Progress(len(needed - waiting), len(needed), tuple(sorted(waiting)), self._rejection(ref, found))

    def counted_nodes(self, view: str) -> frozenset[str]:
        """The nodes whose proxies objects of this view wait for."""
        found = self._views.get(view)
        return frozenset(self._proxies[name].node for name in found.counted) if found else frozenset()

    def snapshot(self) -> Iterable[Event]:
        """Events that tell a ledger with the same resources what this one knows of proxies."""
        for name, proxy in self._proxies.items():
            tracks = self._views[proxy.view].tracks
            yield Connected(name, proxy.view, proxy.node)
            for type_url in sorted({type_url for type_url, _ in tracks}):
                has = [(key[1], proxy.has(key, track)) for key, track in tracks.items() if key[0] == type_url]
                yield Acked(name, type_url, tuple(pair for pair in has if pair[1] != ABSENT), complete=True)
            for (type_url, resource), track in tracks.items():
                if name in track.nacks:
                    version, message = track.nacks[name]
                    yield Nacked(name, type_url, ((resource, version),), message)
            if proxy.expires is not None:
                yield Disconnected(name)

    def _tell(self) -> None:
        if self._changed:
            changed, self._changed = frozenset(self._changed), set()
            self._notify(changed)

    def _rejection(self, ref: ObjectRef, found: Object) -> str | None:
        """What was said of the object's own part; else of a newest version in which a proxy would get it."""
        for message in found.quarantined.values():
            return message
        for view, key in found.places:
            track = self._views[view].tracks[key]
            for name, (version, message) in track.nacks.items():
                if version == track.version and self._proxies[name].number(key, track) < track.due[ref]:
                    return message
        return None

    # What caches say

    def _judged(self, event: Quarantined | Released) -> None:
        place = (event.view, event.type_url, event.name, event.key)
        for ref in event.origins:
            known = self._objects.setdefault(ref, Object())
            if isinstance(event, Quarantined):
                known.quarantined[place] = event.message
            else:
                known.quarantined.pop(place, None)
                self._forget_object(ref)
        self._changed |= event.origins

    def _published(self, event: Published) -> None:
        view = self._views.setdefault(event.view, View())
        key = (event.type_url, event.name)
        track = view.tracks.setdefault(key, Track())
        fresh = (event.origins | event.held) - track.due.keys()
        self._changed |= event.changed | fresh | (track.held ^ event.held)
        track.held, track.origins = event.held, event.origins
        for ref in fresh:
            track.due[ref] = NOTHING
            self._objects.setdefault(ref, Object()).places[event.view, key] = None
        before, advanced = (track.version, track.number), event.version != track.version
        if advanced:
            track.advance(event.version)
        renewed = ((event.changed & track.due.keys()) if advanced else frozenset()) | (fresh & event.origins)
        self._renew(view, key, track, renewed, before)
        self._settle(event.view, key, track)
        for name, proxy in view.proxies.items():
            self._heard(name, proxy, "", ())

    def _renew(self, view: View, key: Key, track: Track, renewed: Iterable[ObjectRef], before: tuple[str, int]) -> None:
        """These objects' parts are new in the newest version, which no one has yet unless it is an old one again."""
        due, again = {ref: track.due[ref] for ref in renewed}, []
        for ref in due:
            track.renew(ref)
        for name, proxy in view.proxies.items():
            has, number = proxy.lacks.get(key, before)
            if number == track.number:
                continue
            if key not in proxy.lacks:
                proxy.lacks[key] = before
                track.behind += 1
            if proxy.counted:
                self._lag(name, [ref for ref, since in due.items() if number >= since], 1)
            if has == track.version:
                again.append(name)
        for name in again:
            self._move(name, view.proxies[name], key, track.version)

    # What proxies say

    def _connected(self, event: Connected) -> None:
        known = self._proxies.get(event.proxy)
        if known is not None and known.view == event.view:
            known.expires = None
            return
        if known is not None:
            self._drop(event.proxy)
        view = self._views.setdefault(event.view, View())
        proxy = Proxy(event.view, event.node, self._clock())
        for key, track in view.tracks.items():
            if track.version != ABSENT:
                proxy.lacks[key] = (ABSENT, NOTHING)
                proxy.unheard.add(key)
                track.behind += 1
        self._proxies[event.proxy] = view.proxies[event.proxy] = proxy
        view.nodes.setdefault(event.node, {})[event.proxy] = None
        self._heard(event.proxy, proxy, "", ())

    def _disconnected(self, name: str) -> None:
        proxy = self._proxies.get(name)
        if proxy is None:
            return
        if proxy.counted and all(self._proxies[twin].expires is not None for twin in self._twins(name, proxy)):
            proxy.expires = self._clock() + self._grace
        else:
            self._drop(name)

    def _twins(self, name: str, proxy: Proxy) -> list[str]:
        """The others on its node that count."""
        view = self._views[proxy.view]
        return [one for one in view.nodes[proxy.node] if one != name and self._proxies[one].counted]

    def _answered(self, event: Acked | Nacked) -> None:
        proxy = self._proxies[event.proxy]
        if isinstance(event, Nacked):
            self._note(event, proxy)
        else:
            if event.complete:
                self._clear(event.proxy, proxy, event.type_url, {name for name, _ in event.versions})
            for name, version in event.versions:
                self._move(event.proxy, proxy, (event.type_url, name), version)
        self._heard(event.proxy, proxy, event.type_url, event.versions)

    def _note(self, event: Nacked, proxy: Proxy) -> None:
        for name, version in event.versions:
            track = self._views[proxy.view].tracks.get((event.type_url, name))
            if track is not None and (version == track.version or version not in track.numbers):
                track.nacks[event.proxy] = (version, event.message)
                self._changed |= track.due.keys()

    def _clear(self, name: str, proxy: Proxy, type_url: str, has: set[str]) -> None:
        """The proxy has nothing of this type but what it says that it has."""
        for key, track in list(self._views[proxy.view].tracks.items()):
            if key[0] == type_url and key[1] not in has and proxy.has(key, track) != ABSENT:
                self._move(name, proxy, key, ABSENT)

    def _heard(self, name: str, proxy: Proxy, type_url: str, versions: Versions) -> None:
        if not proxy.counted:
            proxy.unheard.difference_update((type_url, resource) for resource, _ in versions)
            if not proxy.unheard:
                self._count(name, proxy)

    def _move(self, name: str, proxy: Proxy, key: Key, version: str) -> None:
        """The proxy has this version of the resource now."""
        tracks = self._views[proxy.view].tracks
        if key not in tracks and version == ABSENT:
            return
        # Of a resource that we do not know yet, another replica may have told: remembered for when we publish it
        track = tracks.setdefault(key, Track())
        before = proxy.number(key, track)
        if version == track.version:
            after = track.number
            track.behind -= proxy.lacks.pop(key, None) is not None
            track.nacks.pop(name, None)
            proxy.unheard.discard(key)
        else:
            # A version that was never ours is another replica's newer one: it has what the proxy had
            after = track.numbers.get(version, NOTHING if version == ABSENT else before)
            track.behind += key not in proxy.lacks
            proxy.lacks[key] = (version, after)
        if proxy.counted:
            self._lag(name, track.gained(before, after), -1)
            self._lag(name, track.lost(before, after), 1)
        self._settle(proxy.view, key, track)

    # Who counts

    def _count(self, name: str, proxy: Proxy) -> None:
        """From now on objects wait for this proxy."""
        view = self._views[proxy.view]
        proxy.counted, proxy.unheard = True, set()
        view.counted[name] = None
        for twin in self._twins(name, proxy):
            if self._proxies[twin].expires is not None:
                self._drop(twin)
        for key, (_, number) in proxy.lacks.items():
            track = view.tracks[key]
            self._lag(name, track.lost(track.number, number), 1)
        self._changed.update(view.everyone())

    def _drop(self, name: str) -> None:
        proxy = self._proxies.pop(name)
        view = self._views[proxy.view]
        del view.proxies[name]
        view.leave(name, proxy.node)
        view.counted.pop(name, None)
        self._changed.update(view.everyone())
        for key in list(proxy.lacks):
            for ref in view.tracks[key].due:
                self._objects[ref].lag.pop(name, None)
        for key, track in list(view.tracks.items()):
            track.nacks.pop(name, None)
            track.behind -= key in proxy.lacks
            self._settle(proxy.view, key, track)

    def _lag(self, name: str, refs: Iterable[ObjectRef], step: int) -> None:
        for ref in refs:
            self._objects[ref].change(name, step)
            self._changed.add(ref)

    # What is over

    def _settle(self, view: str, key: Key, track: Track) -> None:
        for ref in track.settle():
            self._changed.add(ref)
            del self._objects[ref].places[view, key]
            self._forget_object(ref)
        if not track.behind and not track.due and track.version == ABSENT:
            self._views[view].tracks.pop(key, None)
            for proxy in self._views[view].proxies.values():
                proxy.unheard.discard(key)

    def _forget_object(self, ref: ObjectRef) -> None:
        known = self._objects.get(ref)
        if known is not None and not known.places and not known.quarantined:
            del self._objects[ref]
