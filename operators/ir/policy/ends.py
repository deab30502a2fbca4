"""The two ends of a connection, as far as policies can tell them apart."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from operators.ir.policy.selectors import Labels

Address = IPv4Address | IPv6Address


class Protocol(StrEnum):
    """ICMP is that of either family; it has no ports."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"
    ICMP = "ICMP"


class Entity(StrEnum):
    """What has no labels to select it by, or is named by where it is. `host` is the subject's own node, relative to it."""

    ALL = "all"
    CLUSTER = "cluster"
    WORLD = "world"
    HOST = "host"
    REMOTE_NODE = "remote-node"
    KUBE_APISERVER = "kube-apiserver"
    INGRESS = "ingress"
    HEALTH = "health"
    UNMANAGED = "unmanaged"


INSIDE = frozenset({Entity.INGRESS, Entity.HEALTH, Entity.UNMANAGED})


@dataclass(frozen=True, slots=True, order=True)
class ContainerPort:
    """A port to which a pod gives a name."""

    name: str
    protocol: Protocol
    number: int


@dataclass(frozen=True, slots=True)
class Workload:
    """All that selectors can see of a pod or external workload; those that are alike in it share an identity.

    `ports` are part of it because a named port means what the destination pod says: pods with equal labels that give a name
    to different ports (in the middle of a rollout) are told apart. Pods on the host's network are none: see `End`.
    """

    namespace: str
    labels: Labels = frozenset()
    namespace_labels: Labels = frozenset()
    account: str = "default"
    ports: frozenset[ContainerPort] = frozenset()
    external: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """One end: an address, and what is known of it.

    `node` is where a workload runs, or which node this is. A pod on the host's network is its node: Kubernetes leaves it
    open, and this is what most do. `reserved` holds those of KUBE_APISERVER, INGRESS, HEALTH and UNMANAGED that it is;
    the other entities follow. `names` are the DNS names (lower case) that led to the address, `services` the keys of those
    Services of which it is an endpoint.
    """

    address: Address
    workload: Workload | None = None
    node: str = ""
    is_node: bool = False
    reserved: frozenset[Entity] = frozenset()
    names: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def entities(self, subject: "End") -> frozenset[Entity]:
        """What it is to `subject`."""
        inside = self.workload is not None or self.is_node or bool(self.reserved & INSIDE)
        found = {Entity.ALL, Entity.CLUSTER if inside else Entity.WORLD, *self.reserved}
        if self.is_node:
            found.add(Entity.HOST if self.is_node_of(subject) else Entity.REMOTE_NODE)
        return frozenset(found)

    def is_node_of(self, subject: "End") -> bool:
        return self.is_node and bool(self.node) and self.node == subject.node


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection, addressed to the pod that gets it: after services are resolved, before any reply."""

    source: End
    destination: End
    protocol: Protocol = Protocol.TCP
    port: int = 0
