"""All that one replica knows: what is watched, what follows from it, and which proxies have it. No I/O, no loop.

In: watch events and what proxies do. Out: resources in the views' caches, and statuses that may have changed.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog

from envoy_xds.attempts import Attempts
from envoy_xds.cache import Views
from envoy_xds.emit import emit
from envoy_xds.events import Event, Quarantined
from envoy_xds.ledger import Ledger
from operators.collections import Graph
from operators.controller.allocation import Allocation, allocate
from operators.controller.expected import ready_proxies
from operators.controller.kinds import watch_all
from operators.controller.node_resources import NodeResources, Places, ServicePorts
from operators.controller.presence import INGRESS_VIEW, Presence
from operators.ingress.certificates import Clock
from operators.ingress.options import GATEWAY, IngressSettings
from operators.ingress.tables import Sources, build
from operators.ir.refs import ObjectRef
from operators.reports import Sources as Replicas
from operators.services import tables as services
from operators.settings import Exposure, Settings

log = structlog.get_logger("mesh")

Observe = Callable[[str, str, Mapping[str, Any] | None], None]
Changed = Callable[[Iterable[ObjectRef]], None]


class MeshState:
    """`observe` is told the bodies of objects that we write to, `changed` what may need another status."""

    def __init__(
        self, settings: Settings, observe: Observe, changed: Changed, clock: Callable[[], float] = monotonic
    ) -> None:
        self.settings = settings
        self.options = IngressSettings.of(settings)
        self.graph = Graph()
        self.sources = Sources.of(self.graph)
        self.watched = watch_all(self.graph, self.sources, observe)
        self.tables = build(self.graph, self.sources, self.options)
        self.ready_proxies = ready_proxies(
            self.graph, self.sources.endpoint_slices, f"{settings.namespace}/{settings.proxy_service}"
        )
        self.ledger = Ledger(changed, clock, settings.proxy_grace_seconds)
        self.presence = Presence(settings.proxy_grace_seconds, clock)
        self.replicas = Replicas([self.ledger.handle, self.presence.handle])
        self.tell_leader: Callable[[Event], None] = _nobody
        self.views = Views(self._cache_event)
        self._failures: dict[tuple[str, str], str] = {}
        if settings.services:
            self._balance()
        self.attempts = Attempts(changed)
        self.graph.after_commit(emit(self.tables, self.views.cache(INGRESS_VIEW), self.attempts))
        self.tables.addresses.subscribe(NodeResources(self.views))
        self.tables.problems.subscribe(lambda changes: changed([ref_of(key) for key in changes]))
        self.tables.objects.subscribe(lambda changes: changed([ref_of(key) for key in changes]))

    def _balance(self) -> None:
        """Services for all agents alike, and what decides about each node's choices."""
        sources = self.sources
        watched = services.Sources(sources.services, sources.endpoint_slices, sources.nodes)
        balance = services.build(self.graph, watched)
        balance.ports.subscribe(ServicePorts(self.views))
        balance.places.subscribe(Places(self.views))

    def expected_nodes(self) -> frozenset[str]:
        """Where a ready proxy runs, whether it has come to us or not."""
        return frozenset().union(*(one.nodes for one in self.ready_proxies.values()))

    def condemn(self, found: Quarantined) -> None:
        """Another replica found a fragment guilty."""
        self.views.cache(found.view).condemn(found)

    def tick(self) -> None:
        """Now and then: what passes with time alone."""
        self.ledger.expire()
        self.sources.clock.set(Clock(datetime.now(UTC).replace(second=0, microsecond=0)))

    def allocation(self, *, settled: bool) -> Allocation | None:
        """Who should hold which address; None where no addresses are given out.

        Before this replica has heard all agents (`settled`), those that hold addresses are taken to be there.
        """
        if self.options.exposure is not Exposure.LOAD_BALANCER:
            return None
        ready = self.presence.ready()
        if not settled:
            ready |= {one.node for one in self.tables.addresses.values() if one.node}
        return allocate(self.sources.pools.values(), self.sources.nodes.values(), [GATEWAY], ready)

    def note_failures(self) -> None:
        """Log functions that raise, once: our bugs, which cost their object its updates. Those of objects are told in their status."""
        now = {where: repr(error) for where, error in self.graph.failures.items()}
        for (collection, key), error in now.items():
            if self._failures.get((collection, key)) != error:
                log.error(
                    "computation failed", collection=collection, key=key, exc_info=self.graph.failures[collection, key]
                )
        self._failures = now

    def _cache_event(self, event: Event) -> None:
        self.ledger.handle(event)
        if isinstance(event, Quarantined):
            self.tell_leader(event)


def ref_of(text: str) -> ObjectRef:
    """The inverse of `str(ref)`."""
    kind, _, key = text.partition(" ")
    namespace, _, name = key.rpartition("/")
    return ObjectRef(kind, namespace, name)


def _nobody(_: Event) -> None:
    """Nobody leads but us, or nobody at all."""
