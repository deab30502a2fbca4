"""One client's delta subscription to one type: requests and changes in, the next response out. No I/O.

Responses are sent one at a time, so that changes in between gather into one. A rejected response of many resources is sent
again in parts until it is clear which resource the client refuses; that one is not sent again until it has another version.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

from envoy_xds.encoding import DeltaRequest, Entry, delta_response
from envoy_xds.events import Versions
from envoy_xds.resource import ABSENT, HEAD
from envoy_xds.search import split
from envoy_xds.subscription import NEVER, RESPONSE_LIMIT, Dirty, Limits, Outcome, Response, Subscription

ALL = "*"


class DeltaSubscription(Subscription):
    def __init__(
        self, type_url: str, request: DeltaRequest, entries: Mapping[str, Entry], sequence: int, newest: int
    ) -> None:
        """`request` is the first of its type on the stream: it says what the client has from an earlier stream.

        What it must get counts as changed at `sequence`, what it must drop at `newest`.
        """
        self.in_flight: Response | None = None
        self._type_url = type_url
        self._wildcard = not request.subscribe or ALL in request.subscribe
        self._names = {name for name in request.subscribe if name != ALL}
        self._known = {name: version for name, version in request.held.items() if self._wants(name)}
        self._unanswered = self._names - self._known.keys()
        self._owed = self._wildcard and not self._known
        self._refused: dict[str, str] = {}
        self._parts: deque[frozenset[str]] = deque()
        interesting = self._names | self._known.keys() | (entries.keys() if self._wildcard else set())
        self._dirty = Dirty()
        for name in sorted(interesting):
            if self._differs(name, entries):
                self._dirty.mark(name, sequence if name in entries else newest)

    def receive(self, request: DeltaRequest, entries: Mapping[str, Entry], sequence: int) -> Outcome:
        """A later request: an answer to the response in flight, a change of the subscription, or both."""
        outcome = self._answer(request)
        self._subscribe(request, entries, sequence)
        gone = tuple((name, ABSENT) for name in request.unsubscribe if self._unsubscribe(name))
        return Outcome(outcome.accepted + gone, outcome.rejected, outcome.error) if gone else outcome

    def again(self, names: AbstractSet[str]) -> None:
        for name in names:
            if self._wants(name):
                self._known.pop(name, None)
                self._dirty.mark(name, 0)

    def respond(self, entries: Mapping[str, Entry], nonce: str, limits: Limits) -> Response | None:
        while True:
            response = self._collect(entries, nonce, limits)
            if response is not None or not self._parts:
                self.in_flight = response
                return response
            self._parts.popleft()

    def _wants(self, name: str) -> bool:
        return self._wildcard or name in self._names

    def _differs(self, name: str, entries: Mapping[str, Entry]) -> bool:
        entry = entries.get(name)
        if entry is None:
            return name in self._known or name in self._unanswered
        return self._known.get(name) != entry.version

    def _candidates(self) -> Iterator[tuple[str, tuple[int, int]]]:
        if self._parts:
            return iter([(name, self._dirty[name]) for name in sorted(self._parts[0]) if name in self._dirty])
        return iter(list(self._dirty.items()))

    def _collect(self, entries: Mapping[str, Entry], nonce: str, limits: Limits) -> Response | None:
        versions: dict[str, str] = {}
        parts: list[bytes] = []
        size, oldest, held_back = 0, NEVER, False
        for name, (first, last) in self._candidates():
            entry = entries.get(name)
            if not self._worth_sending(name, entry):
                del self._dirty[name]
                continue
            if last >= self._limit(name, entry, limits):
                held_back = True
                continue
            if parts and entry and size + len(entry.delta) > RESPONSE_LIMIT:
                break
            versions[name] = entry.version if entry else ABSENT
            oldest = min(oldest, first)
            if entry:
                parts.append(entry.delta)
                size += len(entry.delta)
        if not versions and (not self._owed or held_back or self._parts):
            return None
        return self._sent(versions, parts, nonce, int(oldest) if versions else 0)

    def _limit(self, name: str, entry: Entry | None, limits: Limits) -> float:
        if entry is not None:
            return limits.updates
        return limits.removals if name in self._known else NEVER  # that something is not there can be told at any time

    def _worth_sending(self, name: str, entry: Entry | None) -> bool:
        if not self._wants(name):
            return False
        if entry is None:
            self._refused.pop(name, None)
            return name in self._known or name in self._unanswered
        if self._refused.get(name) == entry.version:
            return False
        self._refused.pop(name, None)
        return self._known.get(name) != entry.version

    def _sent(self, versions: dict[str, str], parts: list[bytes], nonce: str, oldest: int) -> Response:
        before = {name: self._known[name] for name in versions if name in self._known}
        removed = [name for name, version in versions.items() if version == ABSENT]
        for name, version in versions.items():
            del self._dirty[name]
            self._known[name] = version
        for name in removed:
            del self._known[name]
        self._unanswered -= versions.keys()
        self._owed = False
        return Response(nonce, versions, before, oldest, delta_response(self._type_url, nonce, parts, removed))

    def _answer(self, request: DeltaRequest) -> Outcome:
        response = self.in_flight
        if response is None or request.nonce != response.nonce:
            return Outcome()
        self.in_flight = None
        if request.error is None:
            if self._parts and not (self._parts[0] & self._dirty.keys()):
                self._parts.popleft()
            return Outcome(accepted=tuple(response.versions.items()))
        return Outcome(rejected=self._take_back(response, request.error), error=request.error)

    def _take_back(self, response: Response, error: str) -> Versions:
        """The client has what it had before. Returns the version that it refuses if that is certain already."""
        updates = [name for name, version in response.versions.items() if version != ABSENT]
        for name in updates:
            self._known.pop(name, None)
            if self._wants(name):
                self._known.update({name: response.before[name]} if name in response.before else {})
                self._dirty.setdefault(name, (response.oldest, response.oldest))
        if len(updates) == 1:
            version = response.versions[updates[0]]
            self._refused[updates[0]] = version
            return ((updates[0], version),)
        if self._parts:
            self._parts.popleft()
        halves = split([(name, HEAD) for name in updates], error) if updates else ()
        self._parts.extendleft(frozenset(name for name, _ in half) for half in reversed(halves))
        return ()

    def _subscribe(self, request: DeltaRequest, entries: Mapping[str, Entry], sequence: int) -> None:
        for name in request.subscribe:
            if name == ALL:
                self._wildcard = True
                self._owed = not entries
                for other in entries:
                    self._dirty.mark(other, sequence)
                continue
            self._names.add(name)
            self._known.pop(name, None)  # who asks for a name again wants to get it again
            self._refused.pop(name, None)
            self._unanswered.add(name)
            self._dirty.mark(name, sequence)

    def _unsubscribe(self, name: str) -> bool:
        """Returns whether the client gives up a resource that it had."""
        if name == ALL:
            self._wildcard = False
            for other in [other for other in self._known if other not in self._names]:
                del self._known[other]
            return False
        self._names.discard(name)
        self._unanswered.discard(name)
        if self._wildcard:
            return False
        self._refused.pop(name, None)
        self._dirty.pop(name, None)
        return self._known.pop(name, None) is not None
