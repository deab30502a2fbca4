"""EndpointSlices → the backends of a Service's port."""

from collections.abc import Iterable

from crds.services import EndpointSlice, SliceEndpoint
from operators.ir.services import Backend, Family, Protocol, ServicePort, State
from operators.services.addresses import canonical
from operators.services.facts import Endpoint, SliceFacts, SlicePort


def slice_facts(one: EndpointSlice) -> SliceFacts | None:
    """None for slices of names, which nobody balances. A port without number means all ports: no Service has that."""
    if one.address_type == "FQDN":
        return None
    family = Family(one.address_type)
    ports = tuple(SlicePort(port.name, port.port, Protocol(port.protocol)) for port in one.ports if port.port)
    endpoints = (_endpoint(part, family) for part in one.endpoints)
    return SliceFacts(one.key, one.service, family, ports, tuple(part for part in endpoints if part is not None))


def _endpoint(part: SliceEndpoint, family: Family) -> Endpoint | None:
    """Kubernetes says that all addresses of an endpoint are one pod's and to use the first."""
    address = canonical(part.addresses[0], family) if part.addresses else None
    if address is None:
        return None
    conditions, hints = part.conditions, part.hints
    return Endpoint(
        address,
        conditions.ready,
        conditions.serving,
        conditions.terminating,
        part.node_name,
        part.zone,
        tuple(sorted({hint.name for hint in hints.for_zones})),
        tuple(sorted({hint.name for hint in hints.for_nodes})),
    )


def backends_of(port: ServicePort, slices: Iterable[SliceFacts], *, publish_not_ready: bool) -> tuple[Backend, ...]:
    """All that new or old flows of `port` may go to, sorted, each address and port once.

    One that two slices list is on its way from one to the other, or one pod has the address of another that is on its way
    out: the one that is not terminating counts, then the one that is ready.
    """
    found: dict[tuple[str, int], Endpoint] = {}
    for part in slices:
        number = part.port(port.name, port.protocol) if part.family is port.family else None
        if number is None:
            continue
        for endpoint in part.endpoints:
            known = found.get((endpoint.address, number))
            if known is None or _preference(endpoint) < _preference(known):
                found[endpoint.address, number] = endpoint
    states = {at: _state(endpoint, publish_not_ready=publish_not_ready) for at, endpoint in found.items()}
    return tuple(
        sorted(
            Backend(*at, port.protocol, state, one.node, one.zone, one.for_zones, one.for_nodes)
            for at, one in found.items()
            if (state := states[at]) is not None
        )
    )


def _preference(endpoint: Endpoint) -> tuple[bool, bool, bool]:
    return endpoint.terminating, not endpoint.ready, not endpoint.serving


def _state(endpoint: Endpoint, *, publish_not_ready: bool) -> State | None:
    """None for what gets no flow. `ready` is the last word, also of one that terminates: slices say so for `publishNotReadyAddresses`."""
    if endpoint.ready or publish_not_ready:
        return State.ACTIVE
    return State.TERMINATING if endpoint.serving and endpoint.terminating else None
