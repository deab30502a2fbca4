"""What the owner of an object can mend; each becomes a condition (and an event) on that object."""

from dataclasses import dataclass
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
