"""Virtual hosts → RouteConfigurations: a fragment per host, so that a change of one host encodes one host."""

import re
from collections.abc import Iterable

from envoy_xds.actions import action_fields
from envoy_xds.api import encode, message, type_url
from envoy_xds.paths import Fields, path_match
from envoy_xds.resource import HEAD, Fragment, Resource
from envoy_xds.retries import STANDARD, policy
from operators.ir.refs import ObjectRef
from operators.ir.routes import HeaderChange, HeaderMatch, Match, Route, VirtualHost

ROUTE_CONFIGURATION = "envoy.config.route.v3.RouteConfiguration"
TYPE_URL = type_url(ROUTE_CONFIGURATION)

_APPEND, _OVERWRITE = 0, 2  # HeaderValueOption.HeaderAppendAction


def route_configuration(name: str, hosts: Iterable[Fragment], origins: frozenset[ObjectRef]) -> Resource:
    """All hosts of one scheme of one gateway. Without any, everything is answered with 404."""
    head = message(ROUTE_CONFIGURATION)(name=name, ignore_port_in_host_matching=True)
    return Resource(TYPE_URL, name, (Fragment(HEAD, encode(head), origins), *hosts))


def is_wildcard(host: str) -> bool:
    return host.startswith("*.")


def host_fragment(host: VirtualHost, any_host: VirtualHost | None = None) -> Fragment:
    """One virtual host, as a field of its RouteConfiguration.

    A wildcard of the Ingress API is one label, Envoy's any number. So a wildcard's own routes ask for one label, and what
    `any_host` serves comes after them: deeper names are nobody's. Without `any_host` the fallback stands for it.
    """
    if not is_wildcard(host.host):
        return _fragment(host, [_route(route, []) for route in _all(host)], host.origins)
    others = _all(any_host) if any_host else host.fallback
    mine = host.routes if host.fallback == others else _all(host)
    routes = [_route(route, _one_label(host.host)) for route in mine] + [_route(route, []) for route in others]
    return _fragment(host, routes, host.origins | frozenset(route.origin.ref for route in others))


def _all(host: VirtualHost) -> tuple[Route, ...]:
    return (*host.routes, *host.fallback)


def _fragment(host: VirtualHost, routes: list[Fields], origins: frozenset[ObjectRef]) -> Fragment:
    fields = {"name": host.host, "domains": [host.host], "routes": routes, "retry_policy": policy(STANDARD)}
    return Fragment(host.host, encode(message(ROUTE_CONFIGURATION)(virtual_hosts=[fields])), origins)


def _one_label(host: str) -> list[Fields]:
    return [_regex_header(":authority", rf"(?i)[^.]+{re.escape(host[1:])}(:[0-9]+)?")]


def _route(route: Route, conditions: list[Fields]) -> Fields:
    return (
        {"name": str(route.origin), "match": _match(route.match, conditions)}
        | action_fields(route.action, route.match)
        | _changes("request", route.request_headers)
        | _changes("response", route.response_headers)
    )


def _match(match: Match, conditions: list[Fields]) -> Fields:
    headers = conditions + _methods(match.methods) + [_header(header) for header in match.headers]
    return path_match(match.path) | {"headers": headers}


def _methods(methods: tuple[str, ...]) -> list[Fields]:
    if not methods:
        return []
    if len(methods) == 1:
        return [{"name": ":method", "string_match": {"exact": methods[0]}}]
    return [_regex_header(":method", "|".join(methods))]


def _header(header: HeaderMatch) -> Fields:
    if header.regex:
        return _regex_header(header.name, header.value)
    return {"name": header.name, "string_match": {"exact": header.value}}


def _regex_header(name: str, regex: str) -> Fields:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}


def _changes(direction: str, change: HeaderChange) -> Fields:
    if not change:
        return {}
    added = [_option(name, value, _OVERWRITE) for name, value in change.set]
    added += [_option(name, value, _APPEND) for name, value in change.add]
    return {f"{direction}_headers_to_add": added, f"{direction}_headers_to_remove": list(change.remove)}


def _option(name: str, value: str, action: int) -> Fields:
    """A percent sign would begin one of Envoy's own variables."""
    return {
        "header": {"key": name, "value": value.replace("%", "%%")},
        "append_action": action,
        "keep_empty_value": True,
    }
