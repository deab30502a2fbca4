"""ServicePorts and choices as YAML, for people and for cases: an address or a backend is one line."""

from operators.ir.services import Backend, Choice, Empty, Frontend, HealthCheck, Policy, ServicePort, State
from operators.ir.show import plain


@plain.register
def _port(value: ServicePort) -> dict[str, object]:
    shown: dict[str, object] = {"name": value.name} if value.name else {}
    shown["frontends"] = {one.key: plain(one) for one in value.frontends}
    shown["backends"] = plain(value.backends)
    return shown | ({"health_check": value.health_check} if value.health_check else {})


@plain.register
def _frontend(value: Frontend) -> str:
    words = [value.scope.value]
    words += [f"{side} Local" for side in ("inside", "outside") if getattr(value, side) is Policy.LOCAL]
    if value.affinity:
        words.append(f"affinity {value.affinity} s")
    if value.sources is not None:
        words.append(f"from {' '.join(value.sources) or 'nowhere'}")
    return f"{', '.join(words)} ({value.origin.field})"


@plain.register
def _backend(value: Backend) -> str:
    words = [_address(value), value.node, value.zone, "" if value.state is State.ACTIVE else value.state.value]
    words += [f"for zone {zone}" for zone in value.for_zones] + [f"for node {node}" for node in value.for_nodes]
    return " ".join(word for word in words if word)


@plain.register
def _health_check(value: HealthCheck) -> str:
    return f"port {value.port}: {value.local} local"


def answers(port: ServicePort, choice: Choice) -> dict[str, object]:
    """Each frontend's backends on a node, for clients inside and outside where these differ."""
    shown: dict[str, object] = {}
    for frontend in port.frontends:
        inside, outside = _answer(choice.inside(frontend)), _answer(choice.outside(frontend))
        shown[frontend.key] = inside if inside == outside else {"inside": inside, "outside": outside}
    return shown


def _answer(answer: tuple[Backend, ...] | Empty) -> str:
    return answer.value if isinstance(answer, Empty) else " ".join(_address(one) for one in answer)


def _address(backend: Backend) -> str:
    return backend.key.removesuffix(f"/{backend.protocol}")
