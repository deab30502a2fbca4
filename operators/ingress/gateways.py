"""Exposure and pools → the gateway's addresses, and who holds each."""

from collections.abc import Sequence
from dataclasses import dataclass

from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.collections import Collection, Context, Graph
from operators.ingress.options import IngressSettings
from operators.ir.addresses import AddressAssignment
from operators.ir.routes import Gateway
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


def gateway_tables(graph: Graph, pools: Collection[LoadBalancerIPPool], settings: IngressSettings) -> Gateways:
    """Addresses are read back from the pools' statuses, where the leader wrote its plan: all replicas see the same."""
    by_pool = settings.exposure is Exposure.LOAD_BALANCER
    addresses = graph.derive("addresses", pools, lambda pool, _: assignments(pool) if by_pool else ())

    def gateway(held: Sequence[AddressAssignment], _: Context) -> Gateway | None:
        return gateway_of(held, settings)

    def unreachable(known: Sequence[LoadBalancerIPPool], ctx: Context) -> Unreachable | None:
        mine = any(one.owner == settings.gateway for one in ctx.every(addresses))
        return Unreachable(settings.gateway, missing_address(known)) if by_pool and not mine else None

    return Gateways(
        graph.collect("gateways", addresses, gateway),
        addresses,
        graph.collect("unreachable gateways", pools, unreachable),
    )


def gateway_of(held: Sequence[AddressAssignment], settings: IngressSettings) -> Gateway | None:
    """None while a load-balancer gateway has no address: without addresses it would listen on all of the node's."""
    if settings.exposure is not Exposure.LOAD_BALANCER:
        return Gateway(settings.gateway, (), settings.http_port, settings.https_port)
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
