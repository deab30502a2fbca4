"""A policy: whom it is about, and its rules in order of tier and priority."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from ipaddress import IPv4Network, IPv6Network

from operators.ir.policy.ends import Entity, Protocol
from operators.ir.policy.selectors import EVERYTHING, Selector
from operators.ir.refs import ObjectRef, Origin

Network = IPv4Network | IPv6Network
# A NetworkPolicy has no priority: its rules come after those of all MeshPolicies of its tier, whose priorities end at 1000.
NETWORK_POLICY_PRIORITY = 1001


class Direction(StrEnum):
    """Seen from the subject."""

    EGRESS = "egress"
    INGRESS = "ingress"


class Tier(IntEnum):
    """Judged in this order. NetworkPolicies are in the Application tier."""

    ADMIN = 0
    APPLICATION = 1
    BASELINE = 2


class Action(IntEnum):
    """In the order in which rules of one priority are tried: the stricter first. Pass leaves the rest of the tier out."""

    DENY = 0
    PASS = 1
    ALLOW = 2


class Mode(StrEnum):
    ENFORCE = "Enforce"
    AUDIT = "Audit"


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods by labels, in the namespace of that name or in all that the selector matches."""

    namespaces: str | Selector = EVERYTHING
    labels: Selector = EVERYTHING


@dataclass(frozen=True, slots=True)
class ExternalWorkloads:
    """As Pods, of what is outside the cluster and has joined the mesh."""

    namespaces: str | Selector = EVERYTHING
    labels: Selector = EVERYTHING


@dataclass(frozen=True, slots=True)
class Account:
    """Whatever runs as this service account."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Cidr:
    """Addresses of a network without those of `excepts`, whoever has them: pods and nodes too."""

    network: Network
    excepts: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Fqdn:
    """A DNS name, `*.` and a name for one label before it, or `**.` and a name for one or more; lower case."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ServiceEndpoints:
    """The endpoints of a Service (`namespace/name`), at any of their ports."""

    service: str


Subject = Pods | ExternalWorkloads | Account
Peer = Subject | Cidr | Fqdn | ServiceEndpoints | Entity


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of a protocol, both ends included; by default all of them. ICMP has none, which counts as 0."""

    protocol: Protocol
    first: int = 0
    last: int = 65535


@dataclass(frozen=True, slots=True)
class NamedPort:
    """The port that the destination pod calls so, for this protocol; none where it has no such port or is no pod."""

    protocol: Protocol
    name: str


Port = PortRange | NamedPort


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches when one of `peers` and one of `ports` do. None is everyone, and every protocol and port; empty is none."""

    direction: Direction
    action: Action
    origin: Origin
    peers: tuple[Peer, ...] | None = None
    ports: tuple[Port, ...] | None = None
    log: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Is about workloads that one of `subjects` matches. `isolates`: in these directions its tier denies what no rule of it allows."""

    ref: ObjectRef
    subjects: tuple[Subject, ...]
    rules: tuple[Rule, ...] = ()
    isolates: frozenset[Direction] = frozenset()
    tier: Tier = Tier.APPLICATION
    priority: int = NETWORK_POLICY_PRIORITY
    mode: Mode = Mode.ENFORCE

    @property
    def key(self) -> str:
        return str(self.ref)
