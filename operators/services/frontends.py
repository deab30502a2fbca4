"""A Service → what it asks for: where it answers, by which policies, for whom. Others may hold an address already (conflicts).

The rules are those of Kubernetes' documentation (Service, virtual IPs, traffic policies) as kube-proxy applies them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from crds.services import PROXY_NAME_LABEL, Service, ServiceSpec
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef, Origin
from operators.ir.services import NODE_ADDRESS, Family, Frontend, Policy, Protocol, Scope, ServicePort
from operators.services.addresses import Address, address_of, family_of, is_special, prefix_of
from operators.services.facts import NEVER, PRECEDENCE, ServiceFacts

HEADLESS = "None"


@dataclass(frozen=True, slots=True)
class Held:
    """An address at which every port of a Service answers."""

    address: str
    family: Family
    scope: Scope
    field: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """Source prefixes by family; None is anyone."""

    families: dict[Family, tuple[str, ...]] | None
    problems: tuple[Problem, ...] = ()

    def of(self, family: Family) -> tuple[str, ...] | None:
        if self.families is None:
            return None
        prefixes = self.families.get(family, ())
        return None if any(prefix.endswith("/0") for prefix in prefixes) else prefixes


@dataclass(frozen=True, slots=True)
class Asked:
    """What all ports of a Service have in common."""

    ref: ObjectRef
    spec: ServiceSpec
    held: tuple[Held, ...]
    allowed: Allowed

    @property
    def affinity(self) -> int:
        sticky = self.spec.session_affinity == "ClientIP"
        return self.spec.session_affinity_config.client_ip.timeout_seconds if sticky else 0


def service_facts(service: Service) -> ServiceFacts | None:
    """None for what nobody balances: headless, ExternalName, without an address yet, or labelled for another proxy."""
    spec, meta = service.spec, service.metadata
    ref = ObjectRef("Service", meta.namespace, meta.name)
    if spec.type == "ExternalName" or PROXY_NAME_LABEL in meta.labels:
        return None
    cluster = tuple(_cluster_addresses(spec))
    if not cluster:
        return None
    families = sorted({one.family for one in cluster})
    external, problems = _external_addresses(ref, spec, families)
    held = (*cluster, *_load_balancer_addresses(service, families), *external)
    asked = Asked(ref, spec, held, _allowed(ref, spec, held))
    return ServiceFacts(
        ref,
        tuple(_port(asked, at, family) for at in range(len(spec.ports)) for family in families),
        tuple(one.address for one in cluster),
        meta.creation_timestamp or NEVER,
        spec.publish_not_ready_addresses,
        (*problems, *asked.allowed.problems),
    )


def _port(asked: Asked, at: int, family: Family) -> ServicePort:
    """An address that a Service holds in two ways is a frontend once, by the way that comes first."""
    port = asked.spec.ports[at]
    protocol = Protocol(port.protocol)
    held = [one for one in asked.held if one.family is family]
    found: dict[str, Frontend] = {}
    for one in sorted(held, key=lambda one: PRECEDENCE.index(one.scope)):
        frontend = _frontend(asked, one, port.port, protocol)
        found.setdefault(frontend.key, frontend)
    if port.node_port:
        anywhere = Held(NODE_ADDRESS[family], family, Scope.NODE_PORT, f"spec.ports[{at}].nodePort")
        frontend = _frontend(asked, anywhere, port.node_port, protocol)
        found[frontend.key] = frontend
    frontends = tuple(found[key] for key in sorted(found))
    check = _health_check_port(asked.spec)
    return ServicePort(asked.ref, port.name, port.port, protocol, family, frontends, health_check=check)


def _frontend(asked: Asked, held: Held, port: int, protocol: Protocol) -> Frontend:
    inside, outside = _policies(asked.spec, held.scope)
    return Frontend(
        held.address,
        port,
        protocol,
        held.scope,
        Origin(asked.ref, held.field),
        inside,
        outside,
        asked.affinity,
        asked.allowed.of(held.family) if held.scope is Scope.LOAD_BALANCER else None,
    )


def _policies(spec: ServiceSpec, scope: Scope) -> tuple[Policy, Policy]:
    """Inside and outside. A node's own clients at an external address are as if they went out and came in by a balancer."""
    if scope is Scope.CLUSTER_IP:
        return Policy(spec.internal_traffic_policy), Policy(spec.internal_traffic_policy)
    return Policy.CLUSTER, Policy(spec.external_traffic_policy)


def _health_check_port(spec: ServiceSpec) -> int:
    """Only balancers that choose nodes by their own backends ask."""
    wanted = spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"
    return spec.health_check_node_port if wanted else 0


def _cluster_addresses(spec: ServiceSpec) -> Iterator[Held]:
    """An old object has only `clusterIP`. What is not allotted yet or headless has none."""
    listed = spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])
    for at, text in enumerate(listed):
        address = address_of(text) if text != HEADLESS else None
        if address is not None:
            yield Held(str(address), family_of(address), Scope.CLUSTER_IP, f"spec.clusterIPs[{at}]")


def _load_balancer_addresses(service: Service, families: Collection[Family]) -> Iterator[Held]:
    """A balancer that is a proxy may have an address of another family, and is passed by clients in the cluster as well."""
    for at, one in enumerate(service.status.load_balancer.ingress):
        address = address_of(one.ip)
        if address is not None and one.ip_mode == "VIP" and family_of(address) in families:
            yield Held(str(address), family_of(address), Scope.LOAD_BALANCER, f"status.loadBalancer.ingress[{at}].ip")


def _external_addresses(
    ref: ObjectRef, spec: ServiceSpec, families: Collection[Family]
) -> tuple[tuple[Held, ...], tuple[Problem, ...]]:
    held, problems = [], []
    for at, text in enumerate(spec.external_ips):
        field = f"spec.externalIPs[{at}]"
        address = address_of(text)
        if address is None or (fault := _fault(address, families)):
            message = f"{text!r} {fault if address is not None else 'is no IP address'}; it is not served"
            problems.append(Problem(ref, field, Reason.INVALID_SPEC, message))
        else:
            held.append(Held(str(address), family_of(address), Scope.EXTERNAL_IP, field))
    return tuple(held), tuple(problems)


def _fault(address: Address, families: Collection[Family]) -> str:
    if is_special(address):
        return "is an unspecified, loopback, link-local or multicast address"
    if family_of(address) not in families:
        return f"is {family_of(address)}, and the Service has no {family_of(address)} cluster address"
    return ""


def _allowed(ref: ObjectRef, spec: ServiceSpec, held: tuple[Held, ...]) -> Allowed:
    """Where ranges are given, a family without any lets nobody in: whoever limits clients means all of them.

    kube-proxy lets everybody in by such a family. Node ports and external IPs have no ranges, there as here.
    """
    field = "spec.loadBalancerSourceRanges"
    families: dict[Family, set[str]] = {}
    problems = []
    for at, text in enumerate(spec.load_balancer_source_ranges):
        prefix = prefix_of(text)
        if prefix is None:
            message = f"{text!r} is no address range; it admits nobody"
            problems.append(Problem(ref, f"{field}[{at}]", Reason.INVALID_SPEC, message))
        else:
            families.setdefault(family_of(prefix.network_address), set()).add(str(prefix))
    if not spec.load_balancer_source_ranges:
        return Allowed(None)
    closed = {one.family: one for one in held if one.scope is Scope.LOAD_BALANCER and one.family not in families}
    for family, one in sorted(closed.items()):
        message = f"there is no {family} range, so nobody reaches {one.address}; add a range, or one of all addresses"
        problems.append(Problem(ref, field, Reason.INVALID_SPEC, message))
    return Allowed({family: tuple(sorted(prefixes)) for family, prefixes in families.items()}, tuple(problems))
