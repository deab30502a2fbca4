"""What a route does, as fields of `envoy.config.route.v3.Route`."""

from envoy_xds.durations import duration
from envoy_xds.filters import IDLE_STREAM
from envoy_xds.paths import Fields, normalised, path_rewrite
from envoy_xds.retries import retry_policy
from operators.ir.routes import Action, Forward, Match, Redirect, ReplacePath, Respond, Rewrite, WeightedCluster

_STATUS = {301: 0, 302: 1, 303: 2, 307: 3, 308: 4}  # RedirectAction.RedirectResponseCode


def action_fields(action: Action, match: Match) -> Fields:
    match action:
        case Forward():
            return {"route": _forward(action, match)}
        case Redirect():
            return {"redirect": _redirect(action, match)}
        case Respond(status, body):
            return {"direct_response": {"status": status} | ({"body": {"inline_string": body}} if body else {})}


def _forward(forward: Forward, match: Match) -> Fields:
    """A total limit of zero is none, as is an idle one; Envoy's own total would be 15 s."""
    timeouts: Fields = {"timeout": duration(forward.timeouts.request)}
    if forward.timeouts.idle != IDLE_STREAM:  # the listener's: said again, it would cost every request another timer
        timeouts["idle_timeout"] = duration(forward.timeouts.idle)
    return _clusters(forward.clusters) | timeouts | _rewrite(forward.rewrite, match) | retry_policy(forward)


def _clusters(weighted: tuple[WeightedCluster, ...]) -> Fields:
    used = [one for one in weighted if one.weight > 0]
    if len(used) == 1:
        return {"cluster": used[0].cluster}
    return {"weighted_clusters": {"clusters": [{"name": one.cluster, "weight": {"value": one.weight}} for one in used]}}


def _rewrite(rewrite: Rewrite | None, match: Match) -> Fields:
    """A backend that is told another host gets the client's in X-Forwarded-Host."""
    if rewrite is None:
        return {}
    path = path_rewrite(rewrite.path, match.path)
    if rewrite.host is None:
        return path
    return path | {"host_rewrite_literal": rewrite.host, "append_x_forwarded_host": True}


def _redirect(redirect: Redirect, match: Match) -> Fields:
    fields: Fields = {"response_code": _STATUS[redirect.status]}
    if redirect.scheme is not None:
        fields["scheme_redirect"] = redirect.scheme
    if redirect.host is not None:
        fields["host_redirect"] = redirect.host
    if redirect.port is not None:
        fields["port_redirect"] = redirect.port
    if isinstance(redirect.path, ReplacePath):
        return fields | {"path_redirect": normalised(redirect.path.value)}
    return fields | path_rewrite(redirect.path, match.path)
