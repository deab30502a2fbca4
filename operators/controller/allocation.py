"""Pools, nodes and who is present → what each pool's status should say. The leader writes it; all replicas read it back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from crds.core import Node
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.ingress.addresses import Plan, Pool, plan_addresses
from operators.ingress.gateways import assignments
from operators.ingress.pools import pool_of, size
from operators.ir.addresses import AddressAssignment
from operators.ir.problems import Problem
from operators.status.conditions import pool_conditions, since
from operators.status.documents import Written


@dataclass(frozen=True, slots=True)
class Allocation:
    """The plan over all pools, and what was wrong with each on its own."""

    plan: Plan
    pools: Mapping[str, Pool] = field(default_factory=dict)
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    generations: Mapping[str, int] = field(default_factory=dict)

    def desired(self, name: str, written: Written, now: datetime) -> Written:
        """What the status of pool `name` should say."""
        if name not in self.pools:
            return written
        generation = self.generations[name]
        found = pool_conditions(self.problems[name], generation)
        return replace(
            written,
            generation=generation,
            conditions=since(found, written.conditions, now),
            extra=dict(written.extra) | self._numbers(name),
        )

    def _numbers(self, name: str) -> dict[str, Any]:
        held = [one for one in self.plan.assignments if one.pool == name]
        return {
            "allocations": [{"address": one.address, "owner": one.owner, "node": one.node} for one in held],
            "total": str(size(self.pools[name])),
            "used": len(held),
        }


def allocate(
    pools: Sequence[LoadBalancerIPPool], nodes: Sequence[Node], owners: Iterable[str], ready: Collection[str]
) -> Allocation:
    """`ready` are nodes that may hold addresses. Where nobody is, those that hold some stay: an agent that we cannot hear still announces."""
    current = [one for pool in pools for one in assignments(pool)]
    read = {pool.metadata.name: pool_of(pool, nodes) for pool in pools}
    known = {node.metadata.name for node in nodes}
    plan = plan_addresses([pool for pool, _ in read.values()], owners, _able(ready, current, known), current)
    problems = {
        name: (*found, *(problem for problem in plan.problems if problem.ref == pool.ref))
        for name, (pool, found) in read.items()
    }
    return Allocation(
        plan,
        {name: pool for name, (pool, _) in read.items()},
        problems,
        {pool.metadata.name: pool.metadata.generation for pool in pools},
    )


def _able(ready: Collection[str], current: Iterable[AddressAssignment], known: Collection[str]) -> frozenset[str]:
    able = frozenset(ready) & frozenset(known)
    return able or frozenset(one.node for one in current if one.node in known)
