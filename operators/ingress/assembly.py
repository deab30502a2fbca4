"""What both kinds have in common: rules, TLS entries and a default backend put together as claims."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from operators.ingress import hosts
from operators.ingress.claims import Age, Claims, HostClaim, PathClaim, TlsClaim
from operators.ir import names
from operators.ir.problems import Reason, Report
from operators.ir.routes import ANY_HOST

HostPaths = tuple[str, tuple[PathClaim, ...]]  # one rule: its host and what is asked for there
TlsEntry = tuple[Sequence[str], str | None]  # one TLS entry: its hosts and its Secret's name


class HasHost(Protocol):
    @property
    def host(self) -> str | None: ...


Rule = TypeVar("Rule", bound=HasHost)
ReadPaths = Callable[[Rule, str, Report], tuple[PathClaim, ...]]


def valid_host(host: str | None, field: str, report: Report) -> str | None:
    """The host as it is served; None (and a problem) if it cannot be."""
    name = hosts.normalise(host)
    if fault := hosts.fault(name):
        report.invalid(field, f"the host {host!r} {fault}")
        return None
    return name


def read_rules(rules: Sequence[Rule], report: Report, read: ReadPaths[Rule]) -> list[HostPaths]:
    """The rules whose host can be served, each read by its kind's `read`."""
    found = []
    for at, rule in enumerate(rules):
        host = valid_host(rule.host, f"spec.rules[{at}].host", report)
        if host is not None:
            found.append((host, read(rule, f"spec.rules[{at}]", report)))
    return found


def assemble(
    age: Age,
    rules: Sequence[HostPaths],
    default: PathClaim | None,
    tls: tuple[TlsClaim, ...],
    report: Report,
    *,
    https_redirect: bool,
) -> Claims:
    """Rules of the same host are joined, in their order. The default backend is a claim to each named host, and to any.

    `https_redirect` is for hosts that the object itself has TLS for: others would be led to where nobody answers.
    """
    joined: dict[str, tuple[PathClaim, ...]] = {ANY_HOST: ()} if default else {}
    for host, paths in rules:
        joined[host] = (*joined.get(host, ()), *paths)

    def redirected(host: str) -> bool:
        return https_redirect and any(hosts.covers(claim.host, host) for claim in tls)

    claims = tuple(
        HostClaim(host, age, paths, None if host == ANY_HOST else default, redirected(host))
        for host, paths in joined.items()
    )
    return Claims(age, claims, default, tls, redirected(ANY_HOST), tuple(report))


def tls_claims(
    age: Age, entries: Iterable[TlsEntry], rule_hosts: Sequence[str], default_certificate: str, report: Report
) -> tuple[TlsClaim, ...]:
    """A claim per host of each entry; an entry without hosts is for all hosts of the rules."""
    claims: dict[str, TlsClaim] = {}
    for at, (listed, secret_name) in enumerate(entries):
        field = f"spec.tls[{at}].secretName"
        secret = names.certificate(age.namespace, secret_name) if secret_name else default_certificate or None
        if secret is None:
            message = "there is no secretName, and this installation has no default certificate"
            report.add(field, Reason.SECRET_NOT_FOUND, message)
        for host in _entry_hosts(listed, rule_hosts, f"spec.tls[{at}]", report):
            claim = TlsClaim(host, age, secret, field)
            claims.setdefault(claim.key, claim)
    return tuple(claims.values())


def _entry_hosts(listed: Sequence[str], rule_hosts: Sequence[str], field: str, report: Report) -> tuple[str, ...]:
    if not listed:
        return tuple(dict.fromkeys(rule_hosts)) or (ANY_HOST,)
    found = (valid_host(host, f"{field}.hosts[{at}]", report) for at, host in enumerate(listed))
    return tuple(dict.fromkeys(host for host in found if host is not None))
