"""Exposure and pools → the gateway's addresses, and who holds each."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from crds.core import Node
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.collections import Collection, Context, Graph
from operators.ingress.options import IngressSettings
from operators.ir.addresses import AddressAssignment
from operators.ir.routes import Gateway
from operators.ir.services import NODE_ADDRESS, Family
from operators.settings import Exposure


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A gateway without any address, and what there is to do about it."""

    gateway: str
    message: str

    @property
    def key(self) -> str:
        return self.gateway


@dataclass(frozen=True, slots=True)
class Gateways:
    gateways: Collection[Gateway]
    addresses: Collection[AddressAssignment]
    unreachable: Collection[Unreachable]


def gateway_tables(
    graph: Graph, pools: Collection[LoadBalancerIPPool], nodes: Collection[Node], settings: IngressSettings
) -> Gateways:
    """Addresses are read back from the pools' statuses, where the leader wrote its plan: all replicas see the same."""
    by_pool = settings.exposure is Exposure.LOAD_BALANCER
    addresses = graph.derive("addresses", pools, lambda pool, _: assignments(pool) if by_pool else ())

    families = graph.groups("nodes by family", nodes.index("family", families_of))

    def gateway(held: Sequence[AddressAssignment], ctx: Context) -> Gateway | None:
        return gateway_of(held, frozenset(group.key for group in ctx.every(families)), settings)

    def unreachable(known: Sequence[LoadBalancerIPPool], ctx: Context) -> Unreachable | None:
        mine = any(one.owner == settings.gateway for one in ctx.every(addresses))
        return Unreachable(settings.gateway, missing_address(known)) if by_pool and not mine else None

    return Gateways(
        graph.collect("gateways", addresses, gateway),
        addresses,
        graph.collect("unreachable gateways", pools, unreachable),
    )


def families_of(node: Node) -> frozenset[Family]:
    """Those in which the node can be reached."""
    return frozenset(Family.IPV6 if ":" in address else Family.IPV4 for address in node.internal_addresses)


def gateway_of(
    held: Sequence[AddressAssignment], families: AbstractSet[str], settings: IngressSettings
) -> Gateway | None:
    """None while a load-balancer gateway has no address: without addresses it would listen on all of the node's.

    On the nodes' own addresses it listens in the families that they have: a kernel without IPv6 refuses a listener for it.
    """
    if settings.exposure is not Exposure.LOAD_BALANCER:
        everywhere = tuple(NODE_ADDRESS[family] for family in Family if family in families or not families)
        return Gateway(settings.gateway, everywhere, settings.http_port, settings.https_port)
    mine = tuple(sorted(one.address for one in held if one.owner == settings.gateway))
    return Gateway(settings.gateway, mine, settings.http_port, settings.https_port) if mine else None


def assignments(pool: LoadBalancerIPPool) -> tuple[AddressAssignment, ...]:
    """What a pool's status says; an allocation that no node holds yet has an empty node."""
    interface = pool.spec.interface or ""
    return tuple(
        AddressAssignment(one.address, one.owner, pool.metadata.name, one.node or "", interface)
        for one in pool.status.allocations
    )


def missing_address(pools: Sequence[LoadBalancerIPPool]) -> str:
    if not pools:
        return "there is no LoadBalancerIPPool; create one with addresses that reach the nodes"
    if all(pool.spec.disabled for pool in pools):
        return "every LoadBalancerIPPool is disabled; enable or create one"
    return "no LoadBalancerIPPool has given an address yet; the conditions of the pools say why"
