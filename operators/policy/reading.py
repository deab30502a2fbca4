"""What a policy object means, and what is wrong with it: what every kind's translation returns."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from operators.ir.policy import Cidr, Direction, Policy
from operators.ir.problems import Problem, Report, sorted_problems
from operators.ir.refs import ObjectRef

PEERS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}  # where a rule lists them


@dataclass(frozen=True, slots=True)
class Reading:
    """`policy` is None where the object as a whole is not accepted. `generation` is that of the spec that was read."""

    ref: ObjectRef
    policy: Policy | None
    problems: tuple[Problem, ...] = ()
    generation: int = 0

    @property
    def key(self) -> str:
        return str(self.ref)


def reading(report: Report, policy: Policy, generation: int) -> Reading:
    """What came of reading an object; a fatal problem leaves no policy."""
    accepted = not any(problem.fatal for problem in report)
    return Reading(report.ref, policy if accepted else None, sorted_problems(report), generation)


def cidr_of(network: str, excepts: Iterable[str], field: str, report: Report) -> Cidr | None:
    """Bits after the prefix count for nothing, as Kubernetes takes it. None for what the API server does not take either."""
    try:
        return Cidr(ip_network(network, strict=False), tuple(ip_network(one, strict=False) for one in excepts))
    except ValueError as error:
        report.invalid(field, f"{error}; no address is in it")
        return None
