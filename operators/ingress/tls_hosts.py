"""Which certificates answer for one SNI name, and who has to mend what."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from operators.ingress.claims import TlsClaim
from operators.ingress.tls import KeyPair
from operators.ir.problems import Problem, Reason
from operators.ir.refs import ObjectRef
from operators.ir.routes import ANY_HOST

FindKeyPair = Callable[[str], KeyPair]
IsExpired = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """`certificates` by name; empty refuses the handshake. `origins` are all that asked for TLS at this host."""

    host: str
    certificates: tuple[str, ...]
    origins: frozenset[ObjectRef]
    problems: tuple[Problem, ...] = ()

    @property
    def key(self) -> str:
        return self.host


def plan_tls(host: str, claims: Iterable[TlsClaim], find: FindKeyPair, is_expired: IsExpired) -> TlsPlan:
    """One certificate per kind of key: that of the oldest object that has a usable one."""
    chosen: dict[str, tuple[TlsClaim, str]] = {}
    problems: list[Problem] = []
    origins = set()
    for claim in sorted(claims, key=lambda claim: (claim.age, claim.field)):
        origins.add(claim.ref)
        if claim.secret is None:  # its own problem was said where the object was read
            continue
        pair = find(claim.secret)
        if not pair.usable:
            problems.append(_unusable(claim, pair))
            continue
        winner, name = chosen.setdefault(pair.kind, (claim, pair.name))
        if name != pair.name:
            problems.append(_lost(host, claim, pair.kind, winner, name))
        else:
            problems.extend(_warnings(host, claim, pair, expired=is_expired(pair.name)))
    certificates = tuple(name for _, (_, name) in sorted(chosen.items()))
    return TlsPlan(host, certificates, frozenset(origins), tuple(problems))


def _unusable(claim: TlsClaim, pair: KeyPair) -> Problem:
    reason = Reason.SECRET_NOT_FOUND if pair.missing else Reason.INVALID_CERTIFICATE
    return Problem(claim.ref, claim.field, reason, f"Secret {pair.name} {pair.fault}")


def _lost(host: str, claim: TlsClaim, kind: str, winner: TlsClaim, name: str) -> Problem:
    where = "any host" if host == ANY_HOST else host
    whose = f"{winner.field} of the same object" if winner.ref == claim.ref else f"{winner.ref}, which is older"
    message = f"the {kind} certificate of {where} is Secret {name}, from {whose}"
    return Problem(claim.ref, claim.field, Reason.CONFLICT, message)


def _warnings(host: str, claim: TlsClaim, pair: KeyPair, *, expired: bool) -> Iterable[Problem]:
    """It is served all the same: clients that do not check go on working, and the owner is told."""
    if not pair.covers(host):
        names = ", ".join(pair.hosts) or "no DNS name"
        message = (
            f"the certificate in Secret {pair.name} is not for {host} (it is for {names}); it is served all the same"
        )
        yield Problem(claim.ref, claim.field, Reason.INVALID_CERTIFICATE, message)
    if expired and pair.not_after:
        message = (
            f"the certificate in Secret {pair.name} expired on {pair.not_after:%Y-%m-%d}; it is served all the same"
        )
        yield Problem(claim.ref, claim.field, Reason.INVALID_CERTIFICATE, message)
