"""What a route does, as fields of `envoy.config.route.v3.Route`."""

import re

from envoy_xds.api import message, pack
from envoy_xds.durations import duration
from operators.ir.routes import (
    Action,
    Forward,
    Match,
    PrefixPath,
    Redirect,
    ReplacePath,
    ReplacePrefix,
    Respond,
    Retry,
)

SAFE_RETRIES = ("connect-failure", "refused-stream", "reset-before-request")
"""What no backend can have processed: tried again on another endpoint also when nobody asks for it."""

_STATUS = {301: 0, 302: 1, 303: 2, 307: 3, 308: 4}  # RedirectAction.RedirectResponseCode
_BACKOFF_GROWTH = 10  # the longest pause between tries, in bases; Envoy's own factor

Fields = dict[str, object]


def action_fields(action: Action, match: Match) -> Fields:
    match action:
        case Forward():
            return {"route": _forward(action, match)}
        case Redirect():
            return {"redirect": _redirect(action, match)}
        case Respond(status, body):
            return {"direct_response": {"status": status} | ({"body": {"inline_string": body}} if body else {})}


def _forward(forward: Forward, match: Match) -> Fields:
    used = [weighted for weighted in forward.clusters if weighted.weight > 0]
    to: Fields = (
        {"cluster": used[0].cluster}
        if len(used) == 1
        else {
            "weighted_clusters": {"clusters": [{"name": one.cluster, "weight": {"value": one.weight}} for one in used]}
        }
    )
    timeouts = {"timeout": duration(forward.timeouts.request), "idle_timeout": duration(forward.timeouts.idle)}
    return to | timeouts | _rewrite(forward, match) | {"retry_policy": _retry(forward)}


def _rewrite(forward: Forward, match: Match) -> Fields:
    if forward.rewrite is None:
        return {}
    host: Fields = {} if forward.rewrite.host is None else {"host_rewrite_literal": forward.rewrite.host}
    return host | _path_rewrite(forward.rewrite.path, match)


def _path_rewrite(path: ReplacePrefix | ReplacePath | None, match: Match) -> Fields:
    match path:
        case None:
            return {}
        case ReplacePath(value):
            return _regex_rewrite("^.*$", value)
        case ReplacePrefix(value):
            return _prefix_rewrite(match.path.value if isinstance(match.path, PrefixPath) else "/", value)


def _prefix_rewrite(matched: str, value: str) -> Fields:
    """Envoy replaces text, we replace segments: neither `//` nor a lost slash where one of the two is `/`."""
    value = value.rstrip("/")
    if matched == "/":
        return {"prefix_rewrite": f"{value}/"}
    if not value:
        return _regex_rewrite(f"^{re.escape(matched)}/*", "/")
    return {"prefix_rewrite": value}


def _regex_rewrite(pattern: str, value: str) -> Fields:
    substitution = value.replace("\\", "\\\\")
    return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution}}


def _retry(forward: Forward) -> Fields:
    retry = forward.retry or Retry(attempts=2, on=())
    codes = [int(one) for one in retry.on if one.isdigit()]
    conditions = dict.fromkeys((*SAFE_RETRIES, *(one for one in retry.on if not one.isdigit())))
    if codes:
        conditions["retriable-status-codes"] = None
    limit = retry.per_try_timeout or forward.timeouts.backend_request
    base, longest = duration(retry.backoff_base), duration(retry.backoff_base * _BACKOFF_GROWTH)
    other_host = {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": _previous_hosts()}
    return {
        "retry_on": ",".join(conditions),
        "num_retries": {"value": retry.attempts},
        "retriable_status_codes": codes,
        "retry_back_off": {"base_interval": base, "max_interval": longest},
        "retry_host_predicate": [other_host],
        "host_selection_retry_max_attempts": 3,
    } | ({"per_try_timeout": duration(limit)} if limit else {})


def _previous_hosts() -> object:
    return pack(message("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")())


def _redirect(redirect: Redirect, match: Match) -> Fields:
    fields: Fields = {"response_code": _STATUS[redirect.status]}
    if redirect.scheme is not None:
        fields["scheme_redirect"] = redirect.scheme
    if redirect.host is not None:
        fields["host_redirect"] = redirect.host
    if redirect.port is not None:
        fields["port_redirect"] = redirect.port
    match redirect.path:
        case ReplacePath(value):
            fields["path_redirect"] = value
        case other:
            fields |= _path_rewrite(other, match)
    return fields
