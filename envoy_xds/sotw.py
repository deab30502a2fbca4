"""One client's state-of-the-world subscription to one type. No I/O.

A wildcard subscription gets all resources in every response, where leaving one out removes it; so what must not be removed or
updated yet is repeated as it was. A subscription by names gets those that changed.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from envoy_xds.delta import ALL
from envoy_xds.encoding import Entry, WholeRequest, whole_response
from envoy_xds.resource import ABSENT, version_of
from envoy_xds.subscription import Dirty, Limits, Outcome, Response, Subscription


class WholeSubscription(Subscription):
    def __init__(self, type_url: str, request: WholeRequest, entries: Mapping[str, Entry], sequence: int) -> None:
        self.in_flight: Response | None = None
        self._type_url = type_url
        self._wildcard = not request.names or ALL in request.names
        self._names = set(request.names)
        self._sent: dict[str, Entry] = {}
        self._before: dict[str, Entry] = {}
        self._refused: dict[str, str] = {}
        self._dirty = Dirty((name, (sequence, sequence)) for name in (entries if self._wildcard else request.names))
        self._again: set[str] = set()
        self._owed = True
        self._nonce = ""

    def receive(self, request: WholeRequest, entries: Mapping[str, Entry], sequence: int) -> Outcome:
        if request.nonce != self._nonce:
            return Outcome()  # it crossed a newer response, whose answer will say it again
        outcome = self._answer(request)
        gone = () if self._wildcard else self._rename(set(request.names), entries, sequence)
        return Outcome(outcome.accepted + gone, outcome.rejected, outcome.error) if gone else outcome

    def again(self, names: AbstractSet[str]) -> None:
        for name in names & self._sent.keys():
            self._again.add(name)
            self._dirty.mark(name, 0)

    def respond(self, entries: Mapping[str, Entry], nonce: str, limits: Limits) -> Response | None:
        if not self._dirty and not self._owed:
            return None
        limit = {True: limits.updates, False: limits.removals}
        due = {name: first for name, (first, last) in self._dirty.items() if last < limit[name in entries]}
        if not due and (self._dirty or not self._owed):
            return None
        after = self._state(entries, due)
        chosen = after if self._wildcard else {name: after[name] for name in due if name in after}
        if any(name not in entries or entries[name].version != version for name, version in self._refused.items()):
            self._refused = {}  # what was refused is not wanted any more
        if not self._is_new(after, chosen):
            self._forget(due)
            return None
        return self._send(nonce, after, chosen, due)

    def _state(self, entries: Mapping[str, Entry], due: Mapping[str, int]) -> dict[str, Entry]:
        """What the client will have: as now, except for the changes that are due."""
        after = dict(self._sent)
        for name in due:
            after.pop(name, None)
            if name in entries:
                after[name] = entries[name]
        return after

    def _is_new(self, after: Mapping[str, Entry], chosen: Mapping[str, Entry]) -> bool:
        if self._owed or not self._again.isdisjoint(chosen):
            return True
        versions = {name: entry.version for name, entry in chosen.items()}
        if versions == self._refused:
            return False
        return after.keys() != self._sent.keys() or any(self._version(n) != version for n, version in versions.items())

    def _version(self, name: str) -> str:
        sent = self._sent.get(name)
        return sent.version if sent else ABSENT

    def _forget(self, due: Mapping[str, int]) -> None:
        for name in due:
            del self._dirty[name]

    def _send(
        self, nonce: str, after: dict[str, Entry], chosen: Mapping[str, Entry], due: Mapping[str, int]
    ) -> Response:
        versions = {name: entry.version for name, entry in chosen.items() if self._version(name) != entry.version}
        versions |= {name: ABSENT for name in due if name not in after}
        self._forget(due)
        self._before, self._sent = self._sent, after
        self._owed, self._refused, self._nonce = False, {}, nonce
        self._again -= chosen.keys()
        state = version_of("".join(entry.version for entry in chosen.values()).encode())
        data = whole_response(self._type_url, nonce, state, [entry.whole for entry in chosen.values()])
        before = {name: self._before[name].version for name in versions if name in self._before}
        self.in_flight = Response(nonce, versions, before, min(due.values(), default=0), data)
        return self.in_flight

    def _answer(self, request: WholeRequest) -> Outcome:
        response = self.in_flight
        if response is None or request.nonce != response.nonce:
            return Outcome()
        self.in_flight = None
        if request.error is None:
            return Outcome(accepted=tuple(response.versions.items()))
        refused = {name: version for name, version in response.versions.items() if version != ABSENT}
        self._refused = {name: entry.version for name, entry in self._sent.items() if self._wildcard or name in refused}
        self._sent = self._before
        for name in response.versions:
            self._dirty.setdefault(name, (response.oldest, response.oldest))
        return Outcome(rejected=tuple(refused.items()), error=request.error)

    def _rename(self, names: set[str], entries: Mapping[str, Entry], sequence: int) -> tuple[tuple[str, str], ...]:
        """The client names all that it wants in every request. Returns what it gives up."""
        gone = [name for name in self._names - names if self._sent.pop(name, None)]
        for name in self._names - names:
            self._dirty.pop(name, None)
        for name in sorted(names - self._names):
            if name in entries:
                self._dirty.mark(name, sequence)
        self._names = names
        return tuple((name, ABSENT) for name in gone)
