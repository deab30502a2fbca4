"""EndpointSlices → the endpoints of one Service port.

A slice is read once per change of it; joining a thousand slices again costs a sort.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from operators.ir.routes import Endpoint, Endpoints, Health


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """What one EndpointSlice adds: `ports` (name → number) apply to all its `endpoints`, whose own port is 0 here."""

    key: str
    service: str  # key of the Service
    family: str  # IPv4 or IPv6
    ports: tuple[tuple[str, int], ...] = ()
    endpoints: tuple[Endpoint, ...] = ()

    def port(self, name: str) -> int | None:
        return next((number for port, number in self.ports if port == name), None)


def health(*, ready: bool, serving: bool, terminating: bool) -> Health | None:
    """KEP-1669: what terminates but still serves is a last resort; what is neither gets nothing."""
    if ready:
        return Health.READY
    return Health.DRAINING if serving and terminating else None


def join(name: str, port_name: str, slices: Iterable[SliceFacts], family: str | None = None) -> Endpoints:
    """All endpoints of a port, sorted, each address once; draining ones only while none is ready."""
    found: dict[tuple[str, int], Endpoint] = {}
    for part in _one_family(tuple(slices), port_name, family):
        number = part.port(port_name)
        if number is None:
            continue
        for endpoint in part.endpoints:
            known = found.get((endpoint.address, number))
            if known is None or (known.health is Health.DRAINING and endpoint.health is Health.READY):
                found[endpoint.address, number] = endpoint
    ready = any(endpoint.health is Health.READY for endpoint in found.values())
    return Endpoints(
        name,
        tuple(
            Endpoint(address, number, endpoint.health, endpoint.node, endpoint.zone)
            for (address, number), endpoint in sorted(found.items(), key=lambda item: item[0])
            if not ready or endpoint.health is Health.READY
        ),
    )


def _one_family(slices: tuple[SliceFacts, ...], port_name: str, family: str | None) -> tuple[SliceFacts, ...]:
    """A dual-stack Service lists each pod twice: take the Service's first family, or the other if that one has nobody."""
    useful = [part for part in slices if part.endpoints and part.port(port_name) is not None]
    families = {part.family for part in useful}
    if len(families) < 2:
        return tuple(useful)
    chosen = family if family in families else "IPv4"
    return tuple(part for part in useful if part.family == chosen)
