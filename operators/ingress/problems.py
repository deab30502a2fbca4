"""All that is wrong with each object, wherever it was found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from operators.collections import Collection, Context, Graph
from operators.ingress.claims import Claims
from operators.ingress.conflicts import HostPlan
from operators.ingress.gateways import Unreachable
from operators.ingress.routing import Routing
from operators.ingress.tls_hosts import TlsPlan
from operators.ingress.virtual_hosts import HostRoutes
from operators.ir.problems import Problem, Reason, sorted_problems
from operators.ir.refs import ObjectRef

T = TypeVar("T", HostPlan, HostRoutes, TlsPlan)
Look = Callable[[ObjectRef, Context], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class ObjectProblems:
    """For every object of ours, also if there are none. `generation` is that of the spec that they are about."""

    ref: ObjectRef
    problems: tuple[Problem, ...] = ()
    generation: int = 0

    @property
    def key(self) -> str:
        return str(self.ref)


def problems_table(
    graph: Graph,
    claims: Collection[Claims],
    routing: Routing,
    tls: Collection[TlsPlan],
    unreachable: Collection[Unreachable],
) -> Collection[ObjectProblems]:
    looks = [
        _look(routing.plans),
        _look(routing.default_plan),
        _look(routing.routes),
        _look(routing.default_routes),
        _look(tls),
    ]

    def of_object(one: Claims, ctx: Context) -> ObjectProblems:
        found = (problem for look in looks for problem in look(one.ref, ctx))
        nowhere = (Problem(one.ref, "", Reason.NO_ADDRESS, gateway.message) for gateway in ctx.every(unreachable))
        return ObjectProblems(one.ref, sorted_problems((*one.problems, *found, *nowhere)), one.generation)

    return graph.derive("problems", claims, of_object)


def _look(found: Collection[T]) -> Look:
    """How to find what a table says about an object."""
    by_ref = found.index("by problem", lambda one: frozenset(problem.ref for problem in one.problems))

    def look(ref: ObjectRef, ctx: Context) -> Iterator[Problem]:
        return (problem for one in ctx.all(by_ref, ref) for problem in one.problems if problem.ref == ref)

    return look
