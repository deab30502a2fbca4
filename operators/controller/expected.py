"""Which nodes ought to serve: those whose Envoy pod is ready, as the slices of the proxies' headless Service say.

A leader that has just begun knows only the proxies that came to it already; by these it knows whom it still waits for. Later it
has seen for itself who comes and who stays away. Where there is no such Service (development) only connected proxies count.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crds.services import EndpointSlice
from envoy_xds.ledger import Progress
from operators.collections import Collection, Graph


@dataclass(frozen=True, slots=True)
class ReadyProxies:
    """The nodes with a ready proxy of one slice."""

    key: str
    nodes: frozenset[str]


def ready_proxies(graph: Graph, slices: Collection[EndpointSlice], service: str) -> Collection[ReadyProxies]:
    """`service`: the key of the proxies' Service."""

    def of(one: EndpointSlice) -> ReadyProxies | None:
        if one.service != service:
            return None
        return ReadyProxies(
            one.key, frozenset(e.node_name for e in one.endpoints if e.node_name and e.conditions.ready)
        )

    return graph.derive("ready proxies", slices, lambda one, _: of(one))


def awaiting(progress: Progress, expected: Iterable[str], counted: Iterable[str]) -> Progress:
    """Also waits for the nodes that ought to serve and are not counted."""
    missing = set(expected).difference(counted)
    if not missing:
        return progress
    waiting = tuple(sorted(missing.union(progress.waiting)))
    return replace(progress, needed=progress.needed + len(missing), waiting=waiting)
