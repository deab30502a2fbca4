"""Backends of a path → clusters and the action that leads to them, or 503 and a Problem that names the field."""

from collections.abc import Callable
from dataclasses import dataclass, field

from operators.ingress.claims import BackendRef, Backends, Handling
from operators.ingress.services import PortFacts, ServiceFacts, is_local
from operators.ir import names
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.ir.routes import Cluster, DnsBackend, EdsBackend, Forward, Respond, WeightedCluster

FindService = Callable[[str], ServiceFacts | None]
UNAVAILABLE = Respond(503)


@dataclass(frozen=True, slots=True)
class ClusterUse:
    """An object needs a cluster; the cluster is there while anyone does."""

    cluster: str
    ref: ObjectRef
    service: str = ""  # key of the Service; empty for the cluster of missing backends
    port: int = 0

    @property
    def key(self) -> str:
        return f"{self.cluster}|{self.ref}"


@dataclass(slots=True)
class Resolver:
    """Looks up backends of one host and remembers what was used and what was wrong."""

    find: FindService
    uses: set[ClusterUse] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def action(self, ref: ObjectRef, backends: Backends, handling: Handling) -> Forward | Respond:
        """A missing backend keeps its weight: that share is answered 503, the others do not get more than they were given."""
        shares: dict[str, int] = {}
        missing = 0
        for backend in backends.refs:
            use = self._use(ref, backend)
            if use is None:
                missing += backend.weight
            elif backend.weight:
                self.uses.add(use)
                shares[use.cluster] = shares.get(use.cluster, 0) + backend.weight
        if not shares:
            return UNAVAILABLE
        if missing:
            shares[names.NO_BACKEND] = missing
            self.uses.add(ClusterUse(names.NO_BACKEND, ref))
        clusters = tuple(WeightedCluster(name, weight) for name, weight in sorted(shares.items()))
        return Forward(clusters, handling.timeouts, handling.retry, handling.rewrite)

    def _use(self, ref: ObjectRef, backend: BackendRef) -> ClusterUse | None:
        found = find_port(ref, backend, self.find)
        if isinstance(found, Problem):
            self.problems.append(found)
            return None
        service, port = found
        name = names.cluster(service.namespace, service.name, port.number)
        return ClusterUse(name, ref, service.key, port.number)


def find_port(ref: ObjectRef, backend: BackendRef, find: FindService) -> tuple[ServiceFacts, PortFacts] | Problem:
    service = find(names.object_key(ref.namespace, backend.service))
    if service is None:
        return Problem(ref, backend.service_field, Reason.SERVICE_NOT_FOUND, _no_service(ref, backend))
    if service.external_name is not None and is_local(service.external_name):
        message = f"Service {service.key} leads to {service.external_name}, which is the proxy's own node"
        return Problem(ref, backend.service_field, Reason.UNSUPPORTED_VALUE, message)
    port = service.port(backend.port)
    if port is None:
        return Problem(ref, backend.port_field, Reason.PORT_NOT_FOUND, _no_port(service, backend))
    return service, port


def _no_service(ref: ObjectRef, backend: BackendRef) -> str:
    return f"there is no Service {ref.namespace}/{backend.service}; its share of requests is answered with 503"


def _no_port(service: ServiceFacts, backend: BackendRef) -> str:
    there = ", ".join(_show(port) for port in service.ports) or "none"
    what = f"number {backend.port}" if isinstance(backend.port, int) else f"named {backend.port!r}"
    return (
        f"Service {service.key} has no TCP port {what} (there is: {there}); its share of requests is answered with 503"
    )


def _show(port: PortFacts) -> str:
    return f"{port.number} {port.name}" if port.name else str(port.number)


def cluster_of(use: ClusterUse, service: ServiceFacts | None, origins: frozenset[ObjectRef]) -> Cluster | None:
    """The cluster that `use` means; None once its Service is gone."""
    if not use.service:
        return Cluster(use.cluster, EdsBackend(names.NO_BACKEND), origins=origins)
    port = service.port(use.port) if service else None
    if service is None or port is None:
        return None
    if service.external_name is not None:
        return Cluster(use.cluster, DnsBackend(service.external_name, port.number), port.protocol, origins)
    backend = EdsBackend(names.endpoints(service.namespace, service.name, port.name))
    return Cluster(use.cluster, backend, port.protocol, origins)
