"""The tables of the IR as plain values, and a real Envoy configured from them over the real discovery server."""

from collections.abc import Callable
from dataclasses import dataclass, field

from envoy_xds.emit import emit
from operators.collections import Graph, Source
from operators.ir.refs import ObjectRef, Origin
from operators.ir.routes import (
    Action,
    Certificate,
    Cluster,
    EdsBackend,
    Endpoint,
    Endpoints,
    Forward,
    Gateway,
    Match,
    Protocol,
    Route,
    Scheme,
    TlsHost,
    VirtualHost,
    WeightedCluster,
)

OWNER = Origin(ObjectRef("Ingress", "test", "one"), "spec.rules[0]")


@dataclass(frozen=True)
class World:
    """The mesh's tables as sources, so that a test says what is in them."""

    graph: Graph = field(default_factory=Graph)

    def __post_init__(self) -> None:
        kinds = {  # told of in this order, as the mesh's are
            "tls_hosts": TlsHost,
            "certificates": Certificate,
            "clusters": Cluster,
            "endpoints": Endpoints,
            "gateways": Gateway,
            "virtual_hosts": VirtualHost,
        }
        for name, kind in kinds.items():
            object.__setattr__(self, name, self.graph.source(name, kind))

    gateways: Source[Gateway] = field(init=False)
    virtual_hosts: Source[VirtualHost] = field(init=False)
    tls_hosts: Source[TlsHost] = field(init=False)
    certificates: Source[Certificate] = field(init=False)
    clusters: Source[Cluster] = field(init=False)
    endpoints: Source[Endpoints] = field(init=False)

    def into(self, cache) -> None:
        self.graph.after_commit(emit(self, cache))
        self.graph.commit()

    def change(self, fn: Callable[["World"], None]) -> None:
        fn(self)
        self.graph.commit()


def route(match: Match, action: Action | str, **extra) -> Route:
    """A route that forwards to a cluster, or does `action`."""
    return Route(match, Forward((WeightedCluster(action),)) if isinstance(action, str) else action, OWNER, **extra)


def host(name: str, *routes: Route, scheme: Scheme = Scheme.HTTP, fallback: tuple[Route, ...] = ()) -> VirtualHost:
    return VirtualHost("shared", scheme, name, routes, fallback)


def upstream(world: World, name: str, port: int, protocol: Protocol = Protocol.HTTP1) -> None:
    """A cluster whose only endpoint is on loopback."""
    world.clusters.set(Cluster(name, EdsBackend(name), protocol))
    world.endpoints.set(Endpoints(name, (Endpoint("127.0.0.1", port),)))
