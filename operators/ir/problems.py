"""What the owner of an object can mend; each becomes a condition (and an event) on that object."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from operators.ir.refs import ObjectRef


class Reason(StrEnum):
    """CamelCase reasons as they appear in `status.conditions`; the set is public and documented."""

    INVALID_SPEC = "InvalidSpec"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    CONFLICT = "Conflict"
    SERVICE_NOT_FOUND = "ServiceNotFound"
    PORT_NOT_FOUND = "PortNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, not a secret
    INVALID_CERTIFICATE = "InvalidCertificate"
    NO_ADDRESS = "NoAddress"
    INTERNAL = "InternalError"


MEANING: dict[Reason, str] = {
    Reason.INVALID_SPEC: "A field has a value that makes no sense; the message names it.",
    Reason.UNSUPPORTED_VALUE: "A field asks for something Tulle does not do; the rest is served.",
    Reason.CONFLICT: "An older object already holds this host and path.",
    Reason.SERVICE_NOT_FOUND: "A Service that is named does not exist; its share of requests is answered with 503.",
    Reason.PORT_NOT_FOUND: "The Service has no such port; its share of requests is answered with 503.",
    Reason.SECRET_NOT_FOUND: "A Secret that is named does not exist; TLS is refused for its hosts.",
    Reason.INVALID_CERTIFICATE: "A Secret holds no usable certificate and key; TLS is refused for its hosts.",
    Reason.NO_ADDRESS: "No LoadBalancerIPPool has a free address.",
    Reason.INTERNAL: "Tulle failed on this object; its last good configuration is served. Please report it.",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A user's mistake or unmet need: on which object, in which field, which reason, one sentence.

    `fatal` means the object as a whole is not accepted (Accepted=False); otherwise it is served except for the named part
    (Accepted=True and ResolvedRefs=False, or Conflicted=True when the reason is `Conflict`).
    """

    ref: ObjectRef
    field: str
    reason: Reason
    message: str
    fatal: bool = False


@dataclass(slots=True)
class Report:
    """Gathers the problems of one object while it is read."""

    ref: ObjectRef
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: str, reason: Reason, message: str, *, fatal: bool = False) -> None:
        self.problems.append(Problem(self.ref, where, reason, message, fatal))

    def invalid(self, where: str, message: str) -> None:
        self.add(where, Reason.INVALID_SPEC, message)

    def fatal(self, where: str, message: str) -> None:
        """Nothing of the object can be served."""
        self.add(where, Reason.INVALID_SPEC, message, fatal=True)

    def unsupported(self, where: str, message: str) -> None:
        self.add(where, Reason.UNSUPPORTED_VALUE, message)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)


def sorted_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Without doubles: what is said of a host is computed once for each host."""
    return tuple(sorted(set(problems)))
