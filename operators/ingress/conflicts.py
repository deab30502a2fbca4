"""Who gets what at one host: the oldest object, then the first by namespace and name; the others are told who did."""

from collections.abc import Iterable
from dataclasses import dataclass

from operators.ingress.claims import Age, HostClaim, PathClaim
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.ir.routes import ANY_HOST, ExactPath, Match, PrefixPath, RegexPath


@dataclass(frozen=True, slots=True)
class Won:
    """A path that is served, and for whom."""

    age: Age
    claim: PathClaim
    https_redirect: bool = False

    @property
    def ref(self) -> ObjectRef:
        return self.age.ref


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What is served at one host, before any Service was looked for."""

    host: str
    paths: tuple[Won, ...] = ()
    default: Won | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        return self.host


def plan_host(host: str, claims: Iterable[HostClaim]) -> HostPlan:
    """Decide between all objects that name `host`."""
    by_age = sorted(claims, key=lambda claim: claim.age)
    winners: dict[Match, Won] = {}
    problems: list[Problem] = []
    for claim in by_age:
        for path in claim.paths:
            won = winners.setdefault(path.match, Won(claim.age, path, claim.https_redirect))
            if won.claim is not path:
                problems.append(_lost(host, claim.ref, path, won))
    default, lost = _default(host, by_age)
    return HostPlan(host, tuple(winners.values()), default, (*problems, *lost))


@dataclass(frozen=True, slots=True)
class DefaultClaim:
    """A default backend, as a claim to all hosts that no one names. `named`: its object names hosts, where it counts anyway."""

    age: Age
    path: PathClaim
    https_redirect: bool = False
    named: bool = False

    @property
    def key(self) -> str:
        return str(self.age.ref)


def plan_default(claims: Iterable[DefaultClaim]) -> HostPlan:
    """Decide whose default backend answers for hosts without one of their own. A loser that it leaves without any use is told."""
    by_age = sorted(claims, key=lambda claim: claim.age)
    if not by_age:
        return HostPlan(ANY_HOST)
    winner, *losers = by_age
    problems = tuple(
        _superseded(claim.age.ref, claim.path, winner.age, "all hosts that have none of their own")
        for claim in losers
        if not claim.named
    )
    return HostPlan(ANY_HOST, (), Won(winner.age, winner.path, winner.https_redirect), problems)


def _default(host: str, by_age: Iterable[HostClaim]) -> tuple[Won | None, tuple[Problem, ...]]:
    wanted = [Won(claim.age, claim.default, claim.https_redirect) for claim in by_age if claim.default]
    if not wanted:
        return None, ()
    winner, *losers = wanted
    return winner, tuple(_superseded(won.ref, won.claim, winner.age, host) for won in losers)


def _superseded(loser: ObjectRef, path: PathClaim, winner: Age, where: str) -> Problem:
    message = f"the default backend of {where} is that of {winner.ref}, which is older"
    return Problem(loser, path.field, Reason.CONFLICT, message)


def _lost(host: str, loser: ObjectRef, path: PathClaim, winner: Won) -> Problem:
    where = f"{'any host' if host == ANY_HOST else host} {show(path.match)}"
    if winner.ref == loser:
        message = f"{where} is already served by {winner.claim.field} of the same object"
    else:
        message = f"{where} is already served by {winner.ref} ({winner.claim.field}), which is older"
    return Problem(loser, path.field, Reason.CONFLICT, message)


def show(match: Match) -> str:
    """A match as a user would write it."""
    match match.path:
        case ExactPath(value):
            text = f"Exact {value}"
        case PrefixPath(value):
            text = f"Prefix {value}"
        case RegexPath(value):
            text = f"ImplementationSpecific {value}"
    details = [*match.methods, *(f"{header.name}: {header.value}" for header in match.headers)]
    return f"{text} ({', '.join(details)})" if details else text
