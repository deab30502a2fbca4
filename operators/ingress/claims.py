"""What an object asks for, in the same words for Ingress and CiliumIngress: the step between API objects and the IR.

A claim is not yet decided: another object may be older, a Service may not be there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from operators.ir.problems import Problem
from operators.ir.refs import ObjectRef
from operators.ir.routes import HeaderChange, Match, Redirect, Retry, Rewrite, Timeouts

NEVER = datetime.max.replace(tzinfo=UTC)
STANDARD_TIMEOUTS = Timeouts()
UNCHANGED = HeaderChange()


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """Sorts by who was there first; an object without creation timestamp (from a file) counts as the youngest."""

    created: datetime
    namespace: str
    name: str
    kind: str

    @classmethod
    def of(cls, ref: ObjectRef, created: datetime | None) -> "Age":
        return cls(created or NEVER, ref.namespace, ref.name, ref.kind)

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.kind, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class BackendRef:
    """A Service's port, by number or name, in the namespace of its owner; `field` leads to it."""

    service: str
    port: int | str
    field: str
    weight: int = 1

    @property
    def service_field(self) -> str:
        return f"{self.field}.service.name"

    @property
    def port_field(self) -> str:
        return f"{self.field}.service.port.{'number' if isinstance(self.port, int) else 'name'}"


@dataclass(frozen=True, slots=True)
class Handling:
    """How requests of a path are treated on their way; an Ingress has the defaults."""

    timeouts: Timeouts = STANDARD_TIMEOUTS
    retry: Retry | None = None
    rewrite: Rewrite | None = None
    request_headers: HeaderChange = UNCHANGED
    response_headers: HeaderChange = UNCHANGED


@dataclass(frozen=True, slots=True)
class Backends:
    """One or more Services; empty when what was asked for cannot be (a Problem says why): answered with 503."""

    refs: tuple[BackendRef, ...]


@dataclass(frozen=True, slots=True)
class PathClaim:
    """One path of a rule, or the default backend."""

    match: Match
    to: Backends | Redirect
    field: str
    handling: Handling = Handling()


@dataclass(frozen=True, slots=True)
class HostClaim:
    """All that one object asks for at one host, in the order of its rules."""

    host: str
    age: Age
    paths: tuple[PathClaim, ...] = ()
    default: PathClaim | None = None
    https_redirect: bool = False

    @property
    def ref(self) -> ObjectRef:
        return self.age.ref

    @property
    def key(self) -> str:
        return f"{self.host}|{self.ref}"


@dataclass(frozen=True, slots=True)
class TlsClaim:
    """One host of a TLS entry and the Secret (`namespace/name`) for it; None where there is none to use."""

    host: str
    age: Age
    secret: str | None
    field: str

    @property
    def ref(self) -> ObjectRef:
        return self.age.ref

    @property
    def key(self) -> str:
        return f"{self.host}|{self.ref}|{self.field}"


@dataclass(frozen=True, slots=True)
class Claims:
    """All that one object asks for, and what is wrong with the object by itself.

    `generation` is that of the spec that was read. `https_redirect` is about its default backend where that answers for
    any host.
    """

    age: Age
    hosts: tuple[HostClaim, ...] = ()
    default: PathClaim | None = None
    tls: tuple[TlsClaim, ...] = ()
    https_redirect: bool = False
    problems: tuple[Problem, ...] = ()
    generation: int = 0

    @property
    def ref(self) -> ObjectRef:
        return self.age.ref

    @property
    def key(self) -> str:
        return str(self.ref)
