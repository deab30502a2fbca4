"""The wiring: source collections → the IR's tables, each computed from as little as it needs.

How far a change travels: a Secret's to the hosts that use it; an EndpointSlice's to the endpoints of its Service's ports;
a Service's ports to the hosts that lead there; an Ingress's to the hosts it names. What two steps agree on stops there.
"""

from dataclasses import dataclass

from crds.cilium_ingress import CiliumIngress
from crds.core import IngressClass, Node, Secret
from crds.ingress import Ingress
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from crds.services import EndpointSlice, Service
from operators.collections import Collection, Graph, Source
from operators.ingress.certificates import Clock, tls_tables
from operators.ingress.facts import service_facts
from operators.ingress.gateways import gateway_tables
from operators.ingress.options import IngressSettings
from operators.ingress.ownership import claims_table
from operators.ingress.problems import ObjectProblems, problems_table
from operators.ingress.routing import routing_tables, virtual_hosts_table
from operators.ingress.upstreams import upstream_tables
from operators.ir.addresses import AddressAssignment
from operators.ir.refs import ObjectRef
from operators.ir.routes import Certificate, Cluster, Endpoints, Gateway, TlsHost, VirtualHost


@dataclass(frozen=True, slots=True)
class Sources:
    """What is watched. `clock` holds one `Clock`, set now and then, so that expired certificates are noticed."""

    ingresses: Source[Ingress]
    cilium_ingresses: Source[CiliumIngress]
    ingress_classes: Source[IngressClass]
    services: Source[Service]
    endpoint_slices: Source[EndpointSlice]
    secrets: Source[Secret]
    nodes: Source[Node]
    pools: Source[LoadBalancerIPPool]
    clock: Source[Clock]

    @classmethod
    def of(cls, graph: Graph) -> "Sources":
        return cls(
            graph.source("Ingress", Ingress),
            graph.source("CiliumIngress", CiliumIngress),
            graph.source("IngressClass", IngressClass),
            graph.source("Service", Service),
            graph.source("EndpointSlice", EndpointSlice),
            graph.source("Secret", Secret),
            graph.source("Node", Node),
            graph.source("LoadBalancerIPPool", LoadBalancerIPPool),
            graph.source("clock", Clock),
        )


@dataclass(frozen=True, slots=True)
class Served:
    """An object of ours is served by this gateway."""

    ref: ObjectRef
    gateway: str

    @property
    def key(self) -> str:
        return str(self.ref)


@dataclass(frozen=True, slots=True)
class Mesh:
    """The IR's tables, and what the statuses are written from. `problems` and `objects` have every object of ours."""

    gateways: Collection[Gateway]
    virtual_hosts: Collection[VirtualHost]
    tls_hosts: Collection[TlsHost]
    certificates: Collection[Certificate]
    clusters: Collection[Cluster]
    endpoints: Collection[Endpoints]
    addresses: Collection[AddressAssignment]
    problems: Collection[ObjectProblems]
    objects: Collection[Served]


def build(graph: Graph, sources: Sources, settings: IngressSettings) -> Mesh:
    claims = claims_table(graph, sources.ingresses, sources.cilium_ingresses, sources.ingress_classes, settings)
    services = graph.derive("services", sources.services, lambda service, _: service_facts(service))
    routing = routing_tables(graph, claims, services, settings)
    tls = tls_tables(graph, claims, sources.secrets, sources.clock, settings)
    upstream = upstream_tables(graph, routing, services, sources.endpoint_slices)
    gateway = gateway_tables(graph, sources.pools, sources.nodes, settings)
    return Mesh(
        gateways=gateway.gateways,
        virtual_hosts=virtual_hosts_table(graph, routing, tls.plans, settings),
        tls_hosts=tls.hosts,
        certificates=tls.certificates,
        clusters=upstream.clusters,
        endpoints=upstream.endpoints,
        addresses=gateway.addresses,
        problems=problems_table(graph, claims, routing, tls.plans, gateway.unreachable),
        objects=graph.derive("objects", claims, lambda one, _: Served(one.ref, settings.gateway)),
    )
