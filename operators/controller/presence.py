"""Which nodes can serve: those where an ingress proxy and an agent are connected, to this replica or another."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from envoy_xds.events import Connected, Disconnected, Event

INGRESS_VIEW = "ingress"
NODE_VIEW = "node/"
MESH_VIEW = "mesh"
"""What all agents see alike."""


@dataclass(slots=True)
class _Client:
    view: str
    node: str
    left: float | None = None


class Presence:
    """A client that left counts for `grace` seconds: a rolling update or a replica that stops is no reason to move an address."""

    def __init__(self, grace: float, clock: Callable[[], float] = monotonic) -> None:
        self._grace = grace
        self._clock = clock
        self._clients: dict[str, _Client] = {}

    def handle(self, event: Event) -> None:
        match event:
            case Connected():
                self._clients[event.proxy] = _Client(event.view, event.node)
            case Disconnected() if event.proxy in self._clients:
                self._clients[event.proxy].left = self._clock()

    def serving(self) -> frozenset[str]:
        """Nodes with a proxy."""
        return self._nodes(lambda view: view == INGRESS_VIEW)

    def ready(self) -> frozenset[str]:
        """Nodes with a proxy and an agent, which may hold addresses."""
        return self.serving() & self._nodes(lambda view: view.startswith(NODE_VIEW))

    def _nodes(self, sees: Callable[[str], bool]) -> frozenset[str]:
        now = self._clock()
        over = [name for name, one in self._clients.items() if one.left is not None and one.left + self._grace <= now]
        for name in over:
            del self._clients[name]
        return frozenset(one.node for one in self._clients.values() if sees(one.view))
