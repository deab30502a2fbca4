"""Whether one part of a rule is about one end or port."""

from operators.ir.policy.ends import End, Entity, Packet, Workload
from operators.ir.policy.rules import (
    Account,
    Cidr,
    ExternalWorkloads,
    Fqdn,
    NamedPort,
    Peer,
    Pods,
    Port,
    PortRange,
    ServiceEndpoints,
    Subject,
)
from operators.ir.policy.selectors import Selector

ONE_LABEL, SEVERAL_LABELS = "*.", "**."


def selects(subject: Subject, workload: Workload) -> bool:
    match subject:
        case Pods(namespaces, labels):
            external = False
        case ExternalWorkloads(namespaces, labels):
            external = True
        case Account(namespace, name):
            return (workload.namespace, workload.account) == (namespace, name)
    return external is workload.external and _in(namespaces, workload) and labels.matches(workload.labels)


def _in(namespaces: str | Selector, workload: Workload) -> bool:
    if isinstance(namespaces, str):
        return workload.namespace == namespaces
    return namespaces.matches(workload.namespace_labels)


def matches_peer(peer: Peer, end: End, subject: End) -> bool:
    match peer:
        case Entity():
            return peer in end.entities(subject)
        case Cidr():
            return contains(peer, end)
        case Fqdn(pattern):
            return any(is_named(pattern, name) for name in end.names)
        case ServiceEndpoints(service):
            return service in end.services
        case Pods() | ExternalWorkloads() | Account():
            return end.workload is not None and selects(peer, end.workload)


def contains(cidr: Cidr, end: End) -> bool:
    """An address of one family is in no network of the other."""
    return end.address in cidr.network and not any(end.address in network for network in cidr.excepts)


def is_named(pattern: str, name: str) -> bool:
    if pattern.startswith(SEVERAL_LABELS):
        return name.endswith(pattern.removeprefix("**"))  # the point included, so not the name itself
    if pattern.startswith(ONE_LABEL):
        first, _, rest = name.partition(".")
        return bool(first) and rest == pattern.removeprefix(ONE_LABEL)
    return name == pattern


def matches_port(port: Port, packet: Packet) -> bool:
    if port.protocol is not packet.protocol:
        return False
    match port:
        case PortRange(_, first, last):
            return first <= packet.port <= last
        case NamedPort(protocol, name):
            workload = packet.destination.workload
            return workload is not None and any(
                (one.name, one.protocol, one.number) == (name, protocol, packet.port) for one in workload.ports
            )
