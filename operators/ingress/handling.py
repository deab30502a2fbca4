"""How a CiliumIngress's paths are treated on their way → the IR's words: timeouts, retries, rewrites, header changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from crds import cilium_ingress as api
from operators.ingress.claims import STANDARD_TIMEOUTS, UNCHANGED, Handling
from operators.ingress.durations import seconds
from operators.ir.problems import Report
from operators.ir.routes import (
    HeaderChange,
    PathMatch,
    PrefixPath,
    Redirect,
    ReplacePath,
    ReplacePrefix,
    Retry,
    Rewrite,
    Timeouts,
)

NO_LIMIT = 0.0
# Envoy builds these from the request line; changing them would make it refuse the whole configuration.
HOST_HEADERS = ("host", ":authority")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the spec says for all paths that have none of their own."""

    timeouts: Timeouts = STANDARD_TIMEOUTS
    retry: Retry | None = None
    request_headers: HeaderChange = UNCHANGED
    response_headers: HeaderChange = UNCHANGED


def defaults(spec: api.CiliumIngressSpec, report: Report) -> Defaults:
    return Defaults(
        timeouts(spec.timeouts, "spec.timeouts", report),
        retry(spec.retry, "spec.retry", report) if spec.retry else None,
        headers(spec.request_headers, "spec.requestHeaders", report),
        headers(spec.response_headers, "spec.responseHeaders", report),
    )


def handling(path: api.Path, matched: PathMatch, field: str, inherited: Defaults, report: Report) -> Handling:
    """A path's own settings replace the spec's as a whole."""
    own = inherited
    return Handling(
        timeouts(path.timeouts, f"{field}.timeouts", report) if path.timeouts else own.timeouts,
        retry(path.retry, f"{field}.retry", report) if path.retry else own.retry,
        rewrite(path.rewrite, matched, f"{field}.rewrite", report) if path.rewrite else None,
        headers(path.request_headers, f"{field}.requestHeaders", report)
        if path.request_headers
        else own.request_headers,
        headers(path.response_headers, f"{field}.responseHeaders", report)
        if path.response_headers
        else own.response_headers,
    )


def timeouts(given: api.Timeouts, field: str, report: Report) -> Timeouts:
    standard = STANDARD_TIMEOUTS
    return Timeouts(
        _limit(given.request, f"{field}.request", standard.request, report),
        _limit(given.backend_request, f"{field}.backendRequest", standard.backend_request, report),
        _limit(given.idle, f"{field}.idle", standard.idle, report),
    )


def retry(given: api.Retry, field: str, report: Report) -> Retry:
    pause = _limit(given.backoff, f"{field}.backoff", None, report)
    per_try = _limit(given.per_try_timeout, f"{field}.perTryTimeout", None, report)
    conditions = tuple(sorted(set(given.retry_on)))
    if pause is None:
        return Retry(given.attempts, conditions, per_try)
    return Retry(given.attempts, conditions, per_try, pause)


def rewrite(given: api.Rewrite, matched: PathMatch, field: str, report: Report) -> Rewrite | None:
    path = new_path(given.path, matched, f"{field}.path", report)
    return Rewrite(given.hostname, path) if given.hostname or path else None


def redirect(given: api.Redirect, matched: PathMatch, field: str, report: Report) -> Redirect:
    path = new_path(given.path, matched, f"{field}.path", report)
    return Redirect(given.status_code, given.scheme, given.hostname, given.port, path)


def new_path(
    given: api.PathModifier | None, matched: PathMatch, field: str, report: Report
) -> ReplacePrefix | ReplacePath | None:
    if given is None:
        return None
    if given.type == "ReplaceFullPath":
        return ReplacePath(given.value)
    if isinstance(matched, PrefixPath):
        return ReplacePrefix(given.value)
    report.invalid(f"{field}.type", "ReplacePrefixMatch needs pathType Prefix; the path is left as it is")
    return None


def headers(given: api.HeaderChanges | None, field: str, report: Report) -> HeaderChange:
    """Without those that no proxy may change; the others are changed all the same."""
    if given is None:
        return UNCHANGED
    return HeaderChange(
        _pairs(given.set, f"{field}.set", report),
        _pairs(given.add, f"{field}.add", report),
        tuple(
            name.lower() for at, name in enumerate(given.remove) if _changeable(name, f"{field}.remove[{at}]", report)
        ),
    )


def _pairs(given: Sequence[api.Header], field: str, report: Report) -> tuple[tuple[str, str], ...]:
    return tuple(
        (header.name.lower(), header.value)
        for at, header in enumerate(given)
        if _changeable(header.name, f"{field}[{at}].name", report)
    )


def _changeable(name: str, field: str, report: Report) -> bool:
    if name.lower() not in HOST_HEADERS:
        return True
    report.unsupported(field, f"the header {name} is changed by rewrite.hostname only; it is left as it is")
    return False


def _limit(text: str | None, field: str, default: float | None, report: Report) -> float | None:
    """Seconds; None is no limit, and so is zero when the user says it."""
    if text is None:
        return default
    value = seconds(text)
    if value is None:
        report.invalid(field, f"{text!r} is not a duration such as 500ms, 10s or 1m30s")
        return default
    return None if value == NO_LIMIT else value
