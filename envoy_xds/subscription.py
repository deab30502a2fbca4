"""What a delta and a state-of-the-world subscription to one type have in common, as the stream sees them."""

import math
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from envoy_xds.encoding import Entry
from envoy_xds.events import Versions

RESPONSE_LIMIT = 3_500_000
"""Bytes of resources in one response: gRPC clients refuse messages above 4 MiB unless told otherwise."""

NEVER = math.inf


class Dirty(dict[str, tuple[int, int]]):
    """Names that differ from what the client has, with the numbers of the first and the last change not yet sent.

    The last says what a change must wait for, as it is the newest content that is sent; the first, what others wait for.
    """

    def mark(self, name: str, sequence: int) -> None:
        known = self.get(name)
        self[name] = (known[0] if known else sequence, sequence)

    def oldest(self, only: Container[str] | None = None) -> float:
        if only is None:
            return min((first for first, _ in self.values()), default=NEVER)
        return min((first for name, (first, _) in self.items() if name in only), default=NEVER)

    def blocked(self, limit: float) -> bool:
        return limit != NEVER and any(last >= limit for _, last in self.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """Changes older than these numbers may go out now: updates, and removals."""

    updates: float = NEVER
    removals: float = NEVER


@dataclass(frozen=True, slots=True)
class Response:
    """A response that was sent: its versions (empty: removed), what the client had before, and its oldest change."""

    nonce: str
    versions: Mapping[str, str]
    before: Mapping[str, str]
    oldest: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request tells: versions accepted (or no longer held), versions rejected with the reason."""

    accepted: Versions = ()
    rejected: Versions = ()
    error: str = ""


class Subscription(ABC):
    """Which resources a client wants, and which of them differ from what it has."""

    in_flight: Response | None
    _wildcard: bool
    _names: set[str]
    _dirty: Dirty
    _refused: dict[str, str]

    @abstractmethod
    def again(self, names: AbstractSet[str]) -> None:
        """The client needs these once more, if it subscribes to them, though they have not changed."""

    @abstractmethod
    def respond(self, entries: Mapping[str, Entry], nonce: str, limits: Limits) -> Response | None:
        """The next response, which is in flight then; None when there is nothing to send within the limits."""

    @property
    def backlog(self) -> int:
        """How many changes wait to be sent."""
        return len(self._dirty)

    def changed(self, names: AbstractSet[str], sequence: int) -> None:
        """These resources of the type differ from before."""
        for name in names if self._wildcard else names & self._names:
            self._dirty.mark(name, sequence)

    def pending(self, entries: Mapping[str, Entry]) -> float:
        """The number of the oldest update that this client has not acknowledged; `NEVER` when there is none."""
        return min(self.in_flight.oldest if self.in_flight else NEVER, self._dirty.oldest(entries))

    def unsettled(self) -> float:
        """As `pending`, with removals and with what the client refused and so still has in an older version."""
        if self._refused:
            return 0
        return min(self.in_flight.oldest if self.in_flight else NEVER, self._dirty.oldest())

    def blocked(self, limits: Limits) -> bool:
        """Something is left that only the limit on updates holds back."""
        return self._dirty.blocked(limits.updates)
