"""When a request is sent again. Unasked, only what no backend can have processed: a rolling update costs no request then."""

from functools import cache

from google.protobuf.message import Message

from envoy_xds.api import message, pack
from envoy_xds.durations import duration
from envoy_xds.paths import Fields
from operators.ir.routes import Forward, Retry

SAFE = ("connect-failure", "refused-stream", "reset-before-request")
STANDARD = Retry(attempts=3, on=())

_BACKOFF_GROWTH = 10  # the longest pause between tries, in bases; Envoy's own factor
_CHOICES = 10  # how often the load balancer is asked for an endpoint that was not tried yet


def retry_policy(forward: Forward) -> Fields:
    """The field of a route that says more than the virtual host's standard policy, which it replaces."""
    limit = forward.timeouts.backend_request
    if forward.retry is None and limit is None:
        return {}
    return {"retry_policy": policy(forward.retry or STANDARD, limit)}


def policy(retry: Retry, limit: float | None = None) -> Fields:
    """`limit` is that of one try where `retry` has none of its own."""
    codes = [int(one) for one in retry.on if one.isdigit()]
    conditions = dict.fromkeys((*SAFE, *(one for one in retry.on if not one.isdigit())))
    if codes:
        conditions["retriable-status-codes"] = None
    one_try = retry.per_try_timeout or limit
    base, longest = duration(retry.backoff_base), duration(retry.backoff_base * _BACKOFF_GROWTH)
    return {
        "retry_on": ",".join(conditions),
        "num_retries": {"value": retry.attempts},
        "retriable_status_codes": codes,
        "retry_back_off": {"base_interval": base, "max_interval": longest},
        "retry_host_predicate": [{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": _other_host()}],
        "host_selection_retry_max_attempts": _CHOICES,
    } | ({"per_try_timeout": duration(one_try)} if one_try else {})


@cache
def _other_host() -> Message:
    return pack(message("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate")())
