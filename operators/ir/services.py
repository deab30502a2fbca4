"""What the kernel has to know of Services: who answers at which address, and what becomes of flows when that changes.

A `ServicePort` is the same for all nodes; with a `Place` it becomes a node's `Choice` (operators/services/choice.py).
Numbers are no part of this: the node that packs `ServicePort`, `Frontend` and `Backend` into map entries gives each `key` a
number and keeps it as long as the key lives, also across restarts of the agent (the pinned maps hold the pairs). A backend's
number is free again when no flow is left that has it.
"""

from dataclasses import dataclass
from enum import StrEnum

from operators.ir.refs import ObjectRef, Origin


class Protocol(StrEnum):
    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class Family(StrEnum):
    IPV4 = "IPv4"
    IPV6 = "IPv6"


# As a frontend's address: any of the node's own. An exact address beats it.
NODE_ADDRESS = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}


class Scope(StrEnum):
    """What kind of address a frontend has."""

    CLUSTER_IP = "ClusterIP"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_IP = "ExternalIP"
    NODE_PORT = "NodePort"


class Policy(StrEnum):
    """Which backends may answer: those of the cluster (as hints narrow them for the node), or the node's own."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class Empty(StrEnum):
    """What a new flow meets without a backend: TCP reset or ICMP unreachable at once, or silence."""

    REFUSE = "refuse"
    DROP = "drop"


class State(StrEnum):
    """ACTIVE takes new flows. TERMINATING keeps those it has, and takes new ones only where nothing is active (KEP-1669)."""

    ACTIVE = "active"
    TERMINATING = "terminating"


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """A pod's port (or whatever the slice lists). `node` and `zone` are empty where the slice does not say.

    Hints: the zones and nodes that should use it (sorted); empty is no hint.
    """

    address: str
    port: int
    protocol: Protocol
    state: State = State.ACTIVE
    node: str = ""
    zone: str = ""
    for_zones: tuple[str, ...] = ()
    for_nodes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return socket_name(self.address, self.port, self.protocol)


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address where a Service answers.

    `inside` is for clients on the node itself (its pods, its host), `outside` for what arrives from elsewhere. `affinity`
    is in seconds since a client's last flow, 0 is none; a client is its address, and what it sticks to holds at all frontends of one
    ServicePort. `sources` are the prefixes (sorted) that clients, inside and outside, must come from: None is anywhere,
    empty nowhere; the host comes from its node's address.
    """

    address: str
    port: int
    protocol: Protocol
    scope: Scope
    origin: Origin
    inside: Policy = Policy.CLUSTER
    outside: Policy = Policy.CLUSTER
    affinity: int = 0
    sources: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        return socket_name(self.address, self.port, self.protocol)

    @property
    def without_local(self) -> Empty:
        """What a flow meets where the policy is Local, the node has no backend, and other nodes have.

        A Service behaves inside as if it had no endpoints at all; outside, a load balancer that has not yet noticed tries
        again, and with silence that may reach another node (Kubernetes' documentation of both traffic policies). Without any
        backend in the cluster it is REFUSE everywhere.
        """
        return Empty.REFUSE if self.scope is Scope.CLUSTER_IP else Empty.DROP


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service in one family: its frontends and all of its backends, both sorted; the unit of choosing.

    Backends are all that flows may go to, old and new; what is neither active nor terminating with grace is not there: TCP
    connections to it go on as far as it answers, UDP flows are moved (`stale_flows`). `name` is the port's name.
    `health_check` is the node port where a load balancer asks a node for its own backends; 0 is none.
    """

    service: ObjectRef
    name: str
    port: int
    protocol: Protocol
    family: Family
    frontends: tuple[Frontend, ...] = ()
    backends: tuple[Backend, ...] = ()
    health_check: int = 0

    @property
    def key(self) -> str:
        return f"{self.service.namespace}/{self.service.name}:{self.port}/{self.protocol}/{self.family}"


@dataclass(frozen=True, slots=True)
class Place:
    """What of a node decides on its choices: name and zone (empty: none); and its addresses, where node ports answer."""

    node: str
    zone: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.node


@dataclass(frozen=True, slots=True)
class Choice:
    """Who takes new flows of a ServicePort on one node, by policy, sorted.

    What a lookup table is built from (operators/services/maglev.py): the same on all nodes with the same choice.
    """

    port: str  # ServicePort.key
    cluster: tuple[Backend, ...] = ()
    local: tuple[Backend, ...] = ()

    @property
    def key(self) -> str:
        return self.port

    def of(self, policy: Policy) -> tuple[Backend, ...]:
        return self.local if policy is Policy.LOCAL else self.cluster

    def inside(self, frontend: Frontend) -> tuple[Backend, ...] | Empty:
        return self._answer(frontend, frontend.inside)

    def outside(self, frontend: Frontend) -> tuple[Backend, ...] | Empty:
        return self._answer(frontend, frontend.outside)

    def _answer(self, frontend: Frontend, policy: Policy) -> tuple[Backend, ...] | Empty:
        """`cluster` is empty only where no node has a backend."""
        if chosen := self.of(policy):
            return chosen
        return frontend.without_local if self.cluster else Empty.REFUSE


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A node port that says (HTTP 200 or 503) how many active backends of a Service the node itself has, in one family."""

    service: ObjectRef
    family: Family
    port: int
    local: int

    @property
    def key(self) -> str:
        return f"{self.service.namespace}/{self.service.name}/{self.family}"


@dataclass(frozen=True, slots=True)
class StaleFlows:
    """End every UDP flow through one of `frontends` (keys) to a backend that is not in `keep` (keys): the next packet chooses anew."""

    frontends: tuple[str, ...]
    keep: frozenset[str]


def stale_flows(before: ServicePort | None, after: ServicePort | None) -> StaleFlows | None:
    """The UDP flows that a change leaves without a backend. To be acted on after the maps have what is `after`.

    A client of UDP never learns that its backend is gone, so its flow is moved: when a backend is lost, and when an address
    becomes a frontend (another Service or another proxy may have had it before; so a start with `before` None is a sweep). Nothing else
    moves a flow: not a backend that terminates while it serves, not hints, not policies, not a Service that goes.
    """
    if after is None or after.protocol is not Protocol.UDP:
        return None
    known = {one.key for one in before.frontends} if before else set()
    had = {one.key for one in before.backends} if before else set()
    keep = frozenset(one.key for one in after.backends)
    frontends = tuple(one.key for one in after.frontends if had - keep or one.key not in known)
    return StaleFlows(frontends, keep) if frontends else None


def socket_name(address: str, port: int, protocol: Protocol) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}/{protocol}"
