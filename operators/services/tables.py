"""The wiring: Services, EndpointSlices and Nodes → one table that all nodes share, and what one node makes of it.

How far a change travels: a slice's to the ports of its Service; a Service's to its ports and to Services that ask for the
same address; a Node's to its Place. Labels, selectors and statuses of others stop at the first step.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from crds.core import Node
from crds.services import ZONE_LABEL, EndpointSlice, Service
from operators.collections import Collection, Context, Graph, Group, Source
from operators.ir.problems import Problem
from operators.ir.refs import ObjectRef
from operators.ir.services import Choice, HealthCheck, Place, ServicePort
from operators.services.addresses import address_of
from operators.services.backends import backends_of, slice_facts
from operators.services.choice import choose, health_check
from operators.services.conflicts import Settled, settle
from operators.services.facts import ServiceFacts, SliceFacts
from operators.services.frontends import service_facts


@dataclass(frozen=True, slots=True)
class Sources:
    """What is watched."""

    services: Source[Service]
    endpoint_slices: Source[EndpointSlice]
    nodes: Source[Node]

    @classmethod
    def of(cls, graph: Graph) -> "Sources":
        return cls(
            graph.source("Service", Service),
            graph.source("EndpointSlice", EndpointSlice),
            graph.source("Node", Node),
        )


@dataclass(frozen=True, slots=True)
class ServiceProblems:
    """All that is wrong with one Service; for every Service that is balanced, also without any."""

    ref: ObjectRef
    problems: tuple[Problem, ...]

    @property
    def key(self) -> str:
        return str(self.ref)


@dataclass(frozen=True, slots=True)
class Balance:
    """The same for all nodes; `places` by the name of the node."""

    ports: Collection[ServicePort]
    places: Collection[Place]
    problems: Collection[ServiceProblems]


@dataclass(frozen=True, slots=True)
class NodeBalance:
    """What one node makes of it. A choice has the key of its ServicePort."""

    choices: Collection[Choice]
    health_checks: Collection[HealthCheck]


def build(graph: Graph, sources: Sources) -> Balance:
    facts = graph.derive("service facts", sources.services, lambda one, _: service_facts(one))
    settled = _settled_table(graph, facts)
    return Balance(
        ports=_ports_table(graph, facts, settled, sources.endpoint_slices),
        places=graph.derive("places", sources.nodes, lambda one, _: place_of(one)),
        problems=graph.derive("service problems", settled, lambda one, _: ServiceProblems(one.ref, one.problems)),
    )


def _settled_table(graph: Graph, facts: Collection[ServiceFacts]) -> Collection[Settled]:
    at_frontend = facts.index("by frontend", lambda one: list(one.frontends))
    at_cluster_ip = facts.index("by cluster address", lambda one: one.cluster_ips)

    def settled(one: ServiceFacts, ctx: Context) -> Settled:
        return settle(one, lambda key: ctx.all(at_frontend, key), lambda address: ctx.all(at_cluster_ip, address))

    return graph.derive("settled services", facts, settled)


def _ports_table(
    graph: Graph, facts: Collection[ServiceFacts], settled: Collection[Settled], slices: Collection[EndpointSlice]
) -> Collection[ServicePort]:
    known = graph.derive("balanced services", facts, lambda one, _: Balanced(one.key))

    def read(one: EndpointSlice, ctx: Context) -> SliceFacts | None:
        return slice_facts(one) if one.service and ctx.one(known, one.service) else None

    parts = graph.derive("slice facts", slices, read)
    by_service = parts.index("by service", lambda part: part.service)

    def ports(one: Settled, ctx: Context) -> Iterable[ServicePort]:
        found = ctx.all(by_service, one.key)
        return [
            replace(port, backends=backends_of(port, found, publish_not_ready=one.publish_not_ready))
            for port in one.ports
        ]

    return graph.derive("service ports", settled, ports)


@dataclass(frozen=True, slots=True)
class Balanced:
    """A Service whose slices are worth reading: those of headless ones are not."""

    key: str


def place_of(node: Node) -> Place:
    """Without labels and conditions. An address of a type that is a name is none."""
    found = (address_of(one.address) for one in node.status.addresses)
    addresses = tuple(sorted({str(address) for address in found if address is not None}))
    return Place(node.metadata.name, node.metadata.labels.get(ZONE_LABEL, ""), addresses)


def build_node(graph: Graph, ports: Collection[ServicePort], places: Collection[Place], node: str) -> NodeBalance:
    """For the node named `node`; one that is not known yet has no zone and no addresses."""
    spots = graph.derive(
        f"spot of {node}", places, lambda one, _: Place(one.node, one.zone) if one.node == node else None
    )
    nowhere = Place(node)

    def here(ctx: Context) -> Place:
        return ctx.one(spots, node) or nowhere

    checked = ports.index(
        f"by health check on {node}",
        lambda one: f"{one.service.namespace}/{one.service.name}/{one.family}" if one.health_check else None,
    )

    def check(group: Group[ServicePort], ctx: Context) -> HealthCheck | None:
        return health_check(group.members, here(ctx))

    return NodeBalance(
        choices=graph.derive(f"choices of {node}", ports, lambda one, ctx: choose(one, here(ctx))),
        health_checks=graph.derive(
            f"health checks of {node}", graph.groups(f"checked services on {node}", checked), check
        ),
    )
