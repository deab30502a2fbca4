"""A CiliumIngress → its claims: what an Ingress says, and what it cannot."""

from collections.abc import Sequence
from functools import partial

from crds import cilium_ingress as api
from operators.ingress import regexes
from operators.ingress.assembly import assemble, read_rules, tls_claims
from operators.ingress.claims import Age, BackendRef, Backends, Claims, Handling, PathClaim
from operators.ingress.handling import Defaults, defaults, handling, redirect
from operators.ingress.ingest import NO_EFFECT, NOTHING
from operators.ingress.options import IngressSettings
from operators.ingress.paths import ROOT, path_match
from operators.ir.problems import Report
from operators.ir.refs import ObjectRef
from operators.ir.routes import HeaderMatch, Match, PathMatch, Redirect


def cilium_claims(ingress: api.CiliumIngress, settings: IngressSettings) -> Claims:
    """Read a CiliumIngress that is ours."""
    spec, meta = ingress.spec, ingress.metadata
    report = Report(ObjectRef("CiliumIngress", meta.namespace, meta.name))
    age = Age.of(report.ref, meta.creation_timestamp)
    inherited = defaults(spec, report)
    rules = read_rules(spec.rules, report, partial(_paths, inherited))
    tls = tls_claims(
        age,
        [(entry.hosts, entry.secret_name) for entry in spec.tls],
        [host for host, _ in rules],
        settings.default_certificate,
        report,
    )
    default = _default(spec, inherited)
    if not spec.rules and default is None:
        report.fatal("spec", NO_EFFECT)
    return assemble(age, rules, default, tls, report, https_redirect=spec.https_redirect)


def _default(spec: api.CiliumIngressSpec, inherited: Defaults) -> PathClaim | None:
    if spec.default_backend is None:
        return None
    to = Backends((_ref(spec.default_backend.service, "spec.defaultBackend"),))
    return PathClaim(Match(ROOT), to, "spec.defaultBackend", _all_paths(inherited))


def _all_paths(inherited: Defaults) -> Handling:
    return Handling(
        inherited.timeouts,
        inherited.retry,
        request_headers=inherited.request_headers,
        response_headers=inherited.response_headers,
    )


def _paths(inherited: Defaults, rule: api.Rule, field: str, report: Report) -> tuple[PathClaim, ...]:
    listed = rule.http.paths if rule.http else ()
    found = (_path(path, f"{field}.http.paths[{at}]", inherited, report) for at, path in enumerate(listed))
    return tuple(claim for claim in found if claim is not None)


def _path(path: api.Path, field: str, inherited: Defaults, report: Report) -> PathClaim | None:
    matched = path_match(path.path, path.path_type, field, report, regex=True)
    if matched is None:
        return None
    wanted = _headers(path.headers, f"{field}.headers", report)
    if wanted is None:
        return None
    match = Match(matched, tuple(sorted(set(path.methods))), wanted)
    return PathClaim(match, _to(path, matched, field, report), field, handling(path, matched, field, inherited, report))


def _headers(given: Sequence[api.HeaderMatch], field: str, report: Report) -> tuple[HeaderMatch, ...] | None:
    """None if one of them cannot be matched: without it the path would take requests that it must not."""
    found = []
    for at, header in enumerate(given):
        regex = header.type == "RegularExpression"
        if regex and (fault := regexes.fault(header.value)):
            report.invalid(f"{field}[{at}].value", f"the value {header.value!r} {fault}; the path is not served")
            return None
        found.append(HeaderMatch(header.name.lower(), header.value, regex))
    return tuple(sorted(set(found)))


def _to(path: api.Path, matched: PathMatch, field: str, report: Report) -> Backends | Redirect:
    """Exactly one is there; the schema sees to it, and says so where it is too old to."""
    if path.redirect is not None:
        return redirect(path.redirect, matched, f"{field}.redirect", report)
    if path.backend is not None:
        return Backends((_ref(path.backend.service, f"{field}.backend"),))
    if path.backends is not None:
        return Backends(
            tuple(_ref(one.service, f"{field}.backends[{at}]", one.weight) for at, one in enumerate(path.backends))
        )
    report.invalid(field, "there is neither backend nor backends nor redirect; answered with 503")
    return NOTHING


def _ref(service: api.ServiceBackend, field: str, weight: int = 1) -> BackendRef:
    """The schema sees to it that the port has a number or a name; port 0 is in no Service."""
    return BackendRef(service.name, service.port.name or service.port.number or 0, field, weight)
