"""An Ingress → its claims. Pure: what other objects say is decided later (conflicts, backends, tls_hosts)."""

from crds.ingress import HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressServiceBackend
from operators.ingress.assembly import assemble, read_rules, tls_claims
from operators.ingress.claims import Age, BackendRef, Backends, Claims, PathClaim
from operators.ingress.options import IngressSettings
from operators.ingress.paths import ROOT, path_match
from operators.ir.problems import Report
from operators.ir.refs import ObjectRef
from operators.ir.routes import Match

NOTHING = Backends(())
NO_EFFECT = "there are neither rules nor a default backend: nothing is served"


def ingress_claims(ingress: Ingress, settings: IngressSettings) -> Claims:
    """Read an Ingress that is ours."""
    spec, meta = ingress.spec, ingress.metadata
    report = Report(ObjectRef("Ingress", meta.namespace, meta.name))
    age = Age.of(report.ref, meta.creation_timestamp)
    rules = read_rules(spec.rules, report, paths)
    tls = tls_claims(
        age,
        [(entry.hosts, entry.secret_name) for entry in spec.tls],
        [host for host, _ in rules],
        settings.default_certificate,
        report,
    )
    default = default_backend(spec.default_backend, report)
    if not spec.rules and default is None:
        report.fatal("spec", NO_EFFECT)
    return assemble(age, rules, default, tls, report, https_redirect=settings.https_redirect and bool(spec.tls))


def paths(rule: IngressRule, field: str, report: Report) -> tuple[PathClaim, ...]:
    """Those of a rule that can be served. A rule without any still names its host, for the default backend."""
    listed = rule.http.paths if rule.http else ()
    found = (_path(path, f"{field}.http.paths[{at}]", report) for at, path in enumerate(listed))
    return tuple(claim for claim in found if claim is not None)


def _path(path: HTTPIngressPath, field: str, report: Report) -> PathClaim | None:
    matched = path_match(path.path, path.path_type, field, report, regex=False)
    if matched is None:
        return None
    return PathClaim(Match(matched), backends(path.backend, f"{field}.backend", report), field)


def default_backend(backend: IngressBackend | None, report: Report) -> PathClaim | None:
    if backend is None:
        return None
    return PathClaim(Match(ROOT), backends(backend, "spec.defaultBackend", report), "spec.defaultBackend")


def backends(backend: IngressBackend, field: str, report: Report) -> Backends:
    """What an Ingress's backend leads to; a resource is answered with 503 and said to be unsupported."""
    if backend.service is not None:
        ref = backend_ref(backend.service, field, report)
        return Backends((ref,)) if ref else NOTHING
    if backend.resource is not None:
        what = f"{backend.resource.kind} {backend.resource.name}"
        report.unsupported(f"{field}.resource", f"{what} cannot be a backend, only a Service can; answered with 503")
    else:
        report.invalid(field, "there is no service; answered with 503")
    return NOTHING


def backend_ref(service: IngressServiceBackend, field: str, report: Report, weight: int = 1) -> BackendRef | None:
    port = service.port.name or service.port.number
    if not port:
        report.invalid(f"{field}.service.port", "there is neither a number nor a name; answered with 503")
        return None
    return BackendRef(service.name, port, field, weight)
