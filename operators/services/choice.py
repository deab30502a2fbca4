"""A ServicePort and a node's Place → who takes new flows there. What an agent needs beyond the table that all nodes share.

The rules are kube-proxy's (KEP-1669, 2433, 3015, 4444), where Kubernetes' documentation leaves room.
"""

from collections.abc import Iterable

from operators.ir.services import Backend, Choice, HealthCheck, Place, ServicePort, State


def choose(port: ServicePort, place: Place) -> Choice:
    return Choice(port.key, _hinted(_usable(port.backends), place), _usable(_own(port.backends, place)))


def health_check(ports: Iterable[ServicePort], place: Place) -> HealthCheck | None:
    """Of all ports of one Service and family. A pod counts once, whatever ports it has; those that terminate do not."""
    checked = [port for port in ports if port.health_check]
    if not checked:
        return None
    local = {one.address for port in checked for one in _own(port.backends, place) if one.state is State.ACTIVE}
    first = checked[0]
    return HealthCheck(first.service, first.family, first.health_check, len(local))


def _own(backends: Iterable[Backend], place: Place) -> tuple[Backend, ...]:
    return tuple(one for one in backends if one.node == place.node)


def _usable(backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
    """The active ones; only where there are none, those that terminate and still serve."""
    return tuple(one for one in backends if one.state is State.ACTIVE) or backends


def _hinted(backends: tuple[Backend, ...], place: Place) -> tuple[Backend, ...]:
    """Those hinted for the node, else those for its zone. Hints count only where all have one, and none is left without any.

    They are about active backends: among those that terminate they no longer say anything.
    """
    if any(one.state is State.TERMINATING for one in backends):
        return backends
    if all(one.for_nodes for one in backends):
        mine = tuple(one for one in backends if place.node in one.for_nodes)
        if mine:
            return mine
    if all(one.for_zones for one in backends):
        return tuple(one for one in backends if place.zone in one.for_zones) or backends
    return backends
