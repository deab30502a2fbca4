"""Problems and acknowledgements → conditions. Pure.

- `Accepted`: the spec makes sense; a fatal problem makes it False.
- `ResolvedRefs`: everything that it names exists and is usable; the rest is served.
- `Conflicted`: only there, and True, while an older object has what this one asks for.
- `Programmed`: every proxy that needs it has acknowledged it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from operators.ir.problems import Problem, Reason

NAMED = 3  # so many proxies are named in a message; the number of the others is told


class Type(StrEnum):
    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    CONFLICTED = "Conflicted"
    PROGRAMMED = "Programmed"


@dataclass(frozen=True, slots=True)
class Condition:
    """As metav1.Condition."""

    type: str
    status: bool
    reason: str
    message: str = ""
    generation: int = 0
    since: str = ""  # RFC 3339; when `status` last changed


class Progress(Protocol):
    """What the ledger knows of an object."""

    @property
    def acked(self) -> int: ...
    @property
    def needed(self) -> int: ...
    @property
    def waiting(self) -> tuple[str, ...]: ...
    @property
    def rejected(self) -> str | None: ...
    @property
    def idle(self) -> bool: ...


def conditions(problems: Sequence[Problem], progress: Progress, generation: int) -> tuple[Condition, ...]:
    """The conditions of a served object, without times."""
    fatal = [problem for problem in problems if problem.fatal]
    conflicts = [problem for problem in problems if problem.reason is Reason.CONFLICT and not problem.fatal]
    unreachable = [problem for problem in problems if problem.reason is Reason.NO_ADDRESS and not problem.fatal]
    refs = [
        problem for problem in problems if not problem.fatal and problem not in conflicts and problem not in unreachable
    ]
    found = [
        _absence_of(fatal, Type.ACCEPTED, "Accepted"),
        _absence_of(refs, Type.RESOLVED_REFS, "ResolvedRefs"),
        *([Condition(Type.CONFLICTED, True, Reason.CONFLICT, sentences(conflicts))] if conflicts else []),
        _programmed(fatal, unreachable, progress),
    ]
    return tuple(replace(condition, generation=generation) for condition in found)


def pool_conditions(problems: Sequence[Problem], generation: int) -> tuple[Condition, ...]:
    """The conditions of an address pool."""
    return (replace(_absence_of(problems, Type.ACCEPTED, "Accepted"), generation=generation),)


def since(new: Iterable[Condition], old: Iterable[Condition], now: datetime) -> tuple[Condition, ...]:
    """Add the times: that of the old condition while its status stays, else now."""
    before = {condition.type: condition for condition in old}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple(
        replace(condition, since=_time_of(before.get(condition.type), condition) or stamp) for condition in new
    )


def sentences(problems: Iterable[Problem]) -> str:
    return "; ".join(
        f"{problem.field}: {problem.message}" if problem.field else problem.message for problem in problems
    )


def _time_of(old: Condition | None, new: Condition) -> str:
    return old.since if old is not None and old.status == new.status else ""


def _absence_of(problems: Sequence[Problem], kind: Type, good: str) -> Condition:
    if problems:
        return Condition(kind, False, problems[0].reason, sentences(problems))
    return Condition(kind, True, good)


def _programmed(fatal: Sequence[Problem], unreachable: Sequence[Problem], progress: Progress) -> Condition:
    status, reason, message = False, "NotAccepted", "not accepted, so not served"
    if fatal:
        pass
    elif progress.rejected is not None:
        reason, message = "EnvoyRejected", f"Envoy rejects it: {progress.rejected}"
    elif unreachable:
        reason, message = Reason.NO_ADDRESS, sentences(unreachable)
    elif progress.idle:
        reason, message = "NothingServed", "nothing of it is left to serve; the other conditions say why"
    elif progress.needed == 0:
        reason, message = "NoProxies", "no ingress proxy is connected"
    elif progress.acked < progress.needed:
        reason, message = "Pending", f"{_count(progress)}, waiting for {_names(progress.waiting)}"
    else:
        status, reason, message = True, "Programmed", _count(progress)
    return Condition(Type.PROGRAMMED, status, reason, message)


def _count(progress: Progress) -> str:
    return f"acknowledged by {progress.acked} of {progress.needed} nodes"


def _names(waiting: Sequence[str]) -> str:
    more = len(waiting) - NAMED
    return ", ".join(waiting[:NAMED]) + (f" and {more} more" if more > 0 else "")
