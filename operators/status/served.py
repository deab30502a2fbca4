"""What an object should say: from its problems, what proxies acknowledged, and what it says now. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from operators.ir.problems import Problem
from operators.ir.refs import ObjectRef
from operators.status.conditions import Condition, Progress, Type, conditions, since
from operators.status.documents import Written

PASSING = frozenset({"Pending", "NoProxies"})  # reasons that a replica gives which has not heard all proxies yet
STILL_SERVED = frozenset({"Pending", "NoProxies", "EnvoyRejected"})  # proxies keep what they had


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables know of an object of ours: its problems, the generation they are about, its gateway's addresses.

    `announced` are those of the addresses that traffic reaches by now.
    """

    generation: int
    problems: Sequence[Problem] = ()
    addresses: tuple[str, ...] = ()
    announced: frozenset[str] = frozenset()


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ServedStatus:
    """`settled` is False while this replica may not have heard all proxies: until then it takes nothing back."""

    known: Callable[[ObjectRef], Known | None]
    progress: Callable[[ObjectRef], Progress]
    settled: Callable[[], bool]
    now: Callable[[], datetime] = utc_now

    def __call__(self, ref: ObjectRef, written: Written) -> Written:
        """What `ref` should say. What is not ours is left alone, or cleaned of what we wrote when it was."""
        known = self.known(ref)
        if known is None:
            return replace(written, conditions=(), addresses=()) if written.ours else written
        found = conditions(known.problems, self.progress(ref), known.generation)
        if not self.settled():
            found = patient(found, written.conditions)
        new = since(found, written.conditions, self.now())
        return replace(
            written,
            generation=known.generation,
            conditions=_kept(new, written.conditions),
            addresses=addresses(new, written.addresses, known),
        )


def patient(new: Sequence[Condition], old: Sequence[Condition]) -> tuple[Condition, ...]:
    """Programmed stays True while all that speaks against it is that proxies were not heard yet."""
    before = next((one for one in old if one.type == Type.PROGRAMMED and one.status), None)
    return tuple(
        replace(one, status=True, reason=before.reason, message=before.message)
        if before and one.type == Type.PROGRAMMED and one.reason in PASSING
        else one
        for one in new
    )


def addresses(new: Sequence[Condition], old: Sequence[str], known: Known) -> tuple[str, ...]:
    """An address appears when it is announced and all proxies serve the object there.

    It stays through changes while it is the gateway's and proxies serve anything of the object: they keep what they had.
    """
    programmed = next(one for one in new if one.type == Type.PROGRAMMED)
    if programmed.status:
        return tuple(address for address in known.addresses if address in known.announced or address in old)
    if programmed.reason in STILL_SERVED:
        return tuple(address for address in known.addresses if address in old)
    return ()


def _kept(new: tuple[Condition, ...], old: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Conditions of others stay beside ours."""
    ours = {str(one) for one in Type}
    return new + tuple(one for one in old if one.type not in ours and one.type)
