"""Several Services at one address → who answers there, and what the others are told.

The API server allots cluster addresses and node ports once each; load-balancer addresses come from whoever wrote the
status; external IPs anyone may write, so they win over nothing (CVE-2020-8554).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.ir.services import Frontend, Scope, ServicePort
from operators.services.facts import PRECEDENCE, ServiceFacts

Claimants = Callable[[str], Iterable[ServiceFacts]]


@dataclass(frozen=True, slots=True)
class Settled:
    """A Service with the frontends that it got, and all that is wrong with it."""

    ref: ObjectRef
    ports: tuple[ServicePort, ...]
    publish_not_ready: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.ref.namespace}/{self.ref.name}"


def settle(service: ServiceFacts, at_frontend: Claimants, at_cluster_ip: Claimants) -> Settled:
    """`at_frontend` are all Services that ask for a frontend (key), this one among them, `at_cluster_ip` those whose own an address is."""
    ports, problems = [], []
    for port in service.ports:
        kept = []
        for frontend in port.frontends:
            holder = _holder(frontend, at_frontend, at_cluster_ip)
            if holder == service.ref:
                kept.append(frontend)
            else:
                problems.append(_conflict(service.ref, frontend, holder))
        if kept:
            ports.append(replace(port, frontends=tuple(kept)))
    told = tuple(sorted({*service.problems, *problems}))
    return Settled(service.ref, tuple(ports), service.publish_not_ready, told)


def _holder(frontend: Frontend, at_frontend: Claimants, at_cluster_ip: Claimants) -> ObjectRef:
    """An address that is some Service's own is so at all ports."""
    if frontend.scope in (Scope.LOAD_BALANCER, Scope.EXTERNAL_IP) and (owners := list(at_cluster_ip(frontend.address))):
        return min(owners, key=_age).ref
    return min(at_frontend(frontend.key), key=lambda one: _rank(one, frontend.key)).ref


def _rank(service: ServiceFacts, frontend: str) -> tuple[int, datetime, str, str]:
    return PRECEDENCE.index(service.frontends[frontend].scope), *_age(service)


def _age(service: ServiceFacts) -> tuple[datetime, str, str]:
    return service.created, service.ref.namespace, service.ref.name


def _conflict(ref: ObjectRef, frontend: Frontend, holder: ObjectRef) -> Problem:
    message = f"{frontend.key} is answered by {holder}, not by this one"
    return Problem(ref, frontend.origin.field, Reason.CONFLICT, message)
