"""What routes lead to → clusters and endpoints, each only while something needs it."""

from collections.abc import Callable
from dataclasses import dataclass

from crds.services import EndpointSlice
from operators.collections import Collection, Context, Graph, Group
from operators.collections.union import Union
from operators.ingress.backends import ClusterUse, cluster_of
from operators.ingress.endpoints import SliceFacts, join
from operators.ingress.facts import slice_facts
from operators.ingress.routing import Routing
from operators.ingress.services import ServiceFacts
from operators.ir.routes import Cluster, EdsBackend, Endpoints


@dataclass(frozen=True, slots=True)
class Upstream:
    """A cluster, and which port of which Service (key) its endpoints are."""

    cluster: Cluster
    service: str = ""
    port_name: str = ""
    family: str | None = None

    @property
    def key(self) -> str:
        return self.cluster.name


@dataclass(frozen=True, slots=True)
class Wanted:
    """Endpoints that some cluster needs."""

    name: str
    service: str
    port_name: str
    family: str | None

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class UsedService:
    """A Service whose slices are worth reading."""

    key: str


@dataclass(frozen=True, slots=True)
class Upstreams:
    clusters: Collection[Cluster]
    endpoints: Collection[Endpoints]


def upstream_tables(
    graph: Graph, routing: Routing, services: Collection[ServiceFacts], slices: Collection[EndpointSlice]
) -> Upstreams:
    by_host = graph.derive("cluster uses of hosts", routing.routes, lambda host, _: sorted(host.uses, key=_key))
    by_default = graph.derive(
        "cluster uses of default", routing.default_routes, lambda host, _: sorted(host.uses, key=_key)
    )
    uses = Union(graph, "cluster uses", by_host, by_default)
    users = graph.groups("cluster users", uses.index("by cluster", lambda use: use.cluster))
    found = graph.derive("upstreams", users, _upstream_of(services))
    wanted = graph.derive("wanted endpoints", found, lambda one, _: _wanted(one))
    used = graph.derive("used services", wanted, lambda one, _: UsedService(one.service))
    return Upstreams(
        graph.derive("clusters", found, lambda one, _: one.cluster),
        _endpoints_table(graph, wanted, used, slices),
    )


def _key(use: ClusterUse) -> str:
    return use.key


def _upstream_of(services: Collection[ServiceFacts]) -> Callable[[Group[ClusterUse], Context], Upstream | None]:
    def upstream(users: Group[ClusterUse], ctx: Context) -> Upstream | None:
        use = users.members[0]
        service = ctx.one(services, use.service) if use.service else None
        cluster = cluster_of(use, service, frozenset(user.ref for user in users.members))
        if cluster is None:
            return None
        port = service.port(use.port) if service else None
        return Upstream(cluster, use.service, port.name if port else "", service.family if service else None)

    return upstream


def _wanted(upstream: Upstream) -> Wanted | None:
    backend = upstream.cluster.backend
    if not isinstance(backend, EdsBackend):
        return None
    return Wanted(backend.endpoints, upstream.service, upstream.port_name, upstream.family)


def _endpoints_table(
    graph: Graph, wanted: Collection[Wanted], used: Collection[UsedService], slices: Collection[EndpointSlice]
) -> Collection[Endpoints]:
    def read(one: EndpointSlice, ctx: Context) -> SliceFacts | None:
        return slice_facts(one) if one.service and ctx.one(used, one.service) else None

    parts = graph.derive("slices", slices, read)
    by_service = parts.index("by service", lambda part: part.service)
    return graph.derive(
        "endpoints",
        wanted,
        lambda one, ctx: join(one.name, one.port_name, ctx.all(by_service, one.service), one.family),
    )
