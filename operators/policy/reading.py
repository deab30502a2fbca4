"""What a policy object means, and what is wrong with it: what every kind's translation returns."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_network

from operators.ir.policy import Cidr, Direction, Policy
from operators.ir.problems import Problem, Reason
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


@dataclass(slots=True)
class Report:
    """Gathers the problems of one object while it is read."""

    ref: ObjectRef
    problems: list[Problem] = field(default_factory=list)

    def invalid(self, where: str, message: str) -> None:
        self.problems.append(Problem(self.ref, where, Reason.INVALID_SPEC, message))

    def fatal(self, where: str, message: str) -> None:
        """The object is not accepted."""
        self.problems.append(Problem(self.ref, where, Reason.INVALID_SPEC, message, fatal=True))

    def unsupported(self, where: str, message: str) -> None:
        self.problems.append(Problem(self.ref, where, Reason.UNSUPPORTED_VALUE, message))

    def reading(self, policy: Policy, generation: int) -> Reading:
        accepted = not any(problem.fatal for problem in self.problems)
        return Reading(self.ref, policy if accepted else None, tuple(sorted(set(self.problems))), generation)


def cidr_of(network: str, excepts: Iterable[str], field: str, report: Report) -> Cidr | None:
    """Bits after the prefix count for nothing, as Kubernetes takes it. None for what the API server does not take either."""
    try:
        return Cidr(ip_network(network, strict=False), tuple(ip_network(one, strict=False) for one in excepts))
    except ValueError as error:
        report.invalid(field, f"{error}; no address is in it")
        return None
