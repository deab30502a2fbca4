"""One proxy's stream: its subscriptions by type, what may be sent when (make before break), and what it tells the others.

In: requests and notices of changes. Out: the next bytes to send, and events. No I/O and no clock of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import count
from typing import Generic, Protocol, TypeVar

from envoy_xds.cache import Cache
from envoy_xds.delta import DeltaSubscription
from envoy_xds.encoding import DeltaRequest, Node, WholeRequest
from envoy_xds.events import Acked, Nacked, ProxyEvent
from envoy_xds.order import companion, rank, used_by, waits_for
from envoy_xds.sotw import WholeSubscription
from envoy_xds.subscription import NEVER, Limits, Outcome, Response, Subscription

PATIENCE = 15.0
"""Seconds that an update waits for what it may refer to: as long as Envoy waits for a cluster's first endpoints."""

SETTLING = 1.0
"""Seconds in which a proxy that comes back has subscribed to all types; until then it must drop nothing that one of them may use."""


class Request(Protocol):
    @property
    def type_url(self) -> str: ...
    @property
    def node(self) -> Node: ...


R = TypeVar("R", bound=Request)


class Stream(ABC, Generic[R]):
    """Delta or state of the world, by the subclass; `wake` is called when `next` may have something new."""

    def __init__(
        self,
        cache: Cache,
        proxy: str,
        observer: Callable[[ProxyEvent], None],
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.proxy = proxy
        self._cache = cache
        self._observer = observer
        self._wake = wake
        self._clock = clock
        self._nonces = count(1)
        self._subscriptions: dict[str, Subscription] = {}
        self._blocked_since: dict[str, float] = {}
        self._settled_at = clock() + SETTLING

    def receive(self, request: R) -> None:
        self._apply(request, self._outcome(request))
        self._wake()

    def changed(self, type_url: str, names: AbstractSet[str], sequence: int) -> None:
        subscription = self._subscriptions.get(type_url)
        if subscription is not None:
            subscription.changed(names, sequence)
            self._wake()

    def next(self) -> Response | None:
        """The next response to write; it counts as sent."""
        while True:
            backlog = self._backlog()
            for type_url in sorted(self._subscriptions, key=rank):
                response = self._respond(type_url, self._subscriptions[type_url])
                if response is not None:
                    return response
            if self._backlog() == backlog:  # else a change that came to nothing may have held back another type
                return None

    def _backlog(self) -> int:
        return sum(subscription.backlog for subscription in self._subscriptions.values())

    def _respond(self, type_url: str, subscription: Subscription) -> Response | None:
        if subscription.in_flight is not None:
            return None
        limits = self._limits(type_url, subscription)
        response = subscription.respond(self._cache.entries(type_url), str(next(self._nonces)), limits)
        if response is not None:
            self._accompany(type_url, response)
        return response

    def retry_in(self) -> float | None:
        """Seconds until something that waits may be sent whatever happens."""
        now = self._clock()
        left = [since + PATIENCE - now for since in self._blocked_since.values()]
        if self._backlog():
            left.append(self._settled_at - now)
        return min((seconds for seconds in left if seconds > 0), default=None)

    @abstractmethod
    def _outcome(self, request: R) -> Outcome:
        """What the request answers; the first one of a type begins its subscription."""

    def _apply(self, request: R, outcome: Outcome) -> None:
        """Tell the cache and the observer what the proxy accepted or rejected."""
        if outcome.accepted:
            self._cache.acked(request.type_url, outcome.accepted)
            self._observer(Acked(self.proxy, request.type_url, outcome.accepted))
        if outcome.rejected:
            self._cache.nacked(request.type_url, outcome.rejected, outcome.error)
            self._observer(Nacked(self.proxy, request.type_url, outcome.rejected, outcome.error))

    def _begin(self, type_url: str, held: tuple[tuple[str, str], ...]) -> None:
        """The proxy says what it has of a type when a stream begins."""
        if held:
            self._cache.acked(type_url, held)
        self._observer(Acked(self.proxy, type_url, held, complete=True))

    def _accompany(self, type_url: str, response: Response) -> None:
        """Send again what Envoy will wait for but not ask for."""
        entries = self._cache.entries(type_url)
        for name in response.before:
            entry = entries.get(name)
            found = companion(type_url, entry.resource.body()) if entry else None
            subscription = self._subscriptions.get(found[0]) if found else None
            if found and subscription:
                subscription.again({found[1]})

    def _since(self, type_url: str) -> int:
        """The number of what a new subscription asks for: old for clusters and endpoints, as others wait for them."""
        return self._cache.sequence if waits_for(type_url) else 0

    def _limits(self, type_url: str, subscription: Subscription) -> Limits:
        waiting = [(t, self._subscriptions[t]) for t in waits_for(type_url) if t in self._subscriptions]
        updates = min((s.pending(self._cache.entries(t)) for t, s in waiting), default=NEVER)
        limits = Limits(updates, min(updates, *(self._unsettled(t) for t in used_by(type_url)), NEVER))
        if not subscription.blocked(limits):
            self._blocked_since.pop(type_url, None)
            return limits
        since = self._blocked_since.setdefault(type_url, self._clock())
        return limits if self._clock() < since + PATIENCE else Limits(NEVER, limits.removals)

    def _unsettled(self, type_url: str) -> float:
        """The number of the oldest change of this type that the proxy may not have made."""
        subscription = self._subscriptions.get(type_url)
        if subscription is None:
            return 0 if self._clock() < self._settled_at else NEVER
        return subscription.unsettled()


class DeltaStream(Stream[DeltaRequest]):
    def _outcome(self, request: DeltaRequest) -> Outcome:
        type_url = request.type_url
        subscription = self._subscriptions.get(type_url)
        entries, since = self._cache.entries(type_url), self._since(type_url)
        if isinstance(subscription, DeltaSubscription):
            return subscription.receive(request, entries, since)
        self._subscriptions[type_url] = DeltaSubscription(type_url, request, entries, since, self._cache.sequence)
        self._begin(type_url, tuple(request.held.items()))
        return Outcome()


class WholeStream(Stream[WholeRequest]):
    def _outcome(self, request: WholeRequest) -> Outcome:
        type_url = request.type_url
        subscription = self._subscriptions.get(type_url)
        entries, since = self._cache.entries(type_url), self._since(type_url)
        if isinstance(subscription, WholeSubscription):
            return subscription.receive(request, entries, since)
        self._subscriptions[type_url] = WholeSubscription(type_url, request, entries, since)
        self._begin(type_url, ())
        return Outcome()
