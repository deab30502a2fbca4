"""What balancing needs to know of a Service and of an EndpointSlice, without the rest, so that its churn recomputes nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime

from operators.ir.problems import Problem
from operators.ir.refs import ObjectRef
from operators.ir.services import Family, Frontend, Protocol, Scope, ServicePort

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What a Service asks for: its ports, without backends yet, with every frontend it would have were it alone.

    `cluster_ips` are its own addresses. A Service without creation timestamp (from a file) counts as the youngest.
    """

    ref: ObjectRef
    ports: tuple[ServicePort, ...]
    cluster_ips: tuple[str, ...]
    created: datetime = NEVER
    publish_not_ready: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.ref.namespace}/{self.ref.name}"

    @property
    def frontends(self) -> dict[str, Frontend]:
        return {frontend.key: frontend for port in self.ports for frontend in port.frontends}


# Who gets an address that two ask for: what was allotted before what was written into a spec, then the older Service.
PRECEDENCE = (Scope.CLUSTER_IP, Scope.LOAD_BALANCER, Scope.EXTERNAL_IP, Scope.NODE_PORT)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod as its slice lists it, in all states; its ports are the slice's."""

    address: str
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node: str = ""
    zone: str = ""
    for_zones: tuple[str, ...] = ()
    for_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlicePort:
    name: str
    port: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """What one EndpointSlice adds to a Service (key): every endpoint has every port."""

    key: str
    service: str
    family: Family
    ports: tuple[SlicePort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    def port(self, name: str, protocol: Protocol) -> int | None:
        """The number that a Service's port (by name) has here."""
        return next((one.port for one in self.ports if (one.name, one.protocol) == (name, protocol)), None)
