"""Virtual hosts → RouteConfigurations: a fragment per host, so that a change of one host encodes one host."""

import re
from collections.abc import Iterable

from envoy_xds.actions import Fields, action_fields
from envoy_xds.api import encode, message, type_url
from envoy_xds.resource import HEAD, Fragment, Resource
from operators.ir.refs import ObjectRef
from operators.ir.routes import (
    ANY_HOST,
    ExactPath,
    HeaderChange,
    HeaderMatch,
    Match,
    PathMatch,
    PrefixPath,
    RegexPath,
    Route,
    VirtualHost,
)

ROUTE_CONFIGURATION = "envoy.config.route.v3.RouteConfiguration"
TYPE_URL = type_url(ROUTE_CONFIGURATION)

_APPEND, _OVERWRITE = 0, 2  # HeaderValueOption.HeaderAppendAction


def route_configuration(name: str, hosts: Iterable[Fragment], origins: frozenset[ObjectRef]) -> Resource:
    """All hosts of one scheme of one gateway. Without any, everything is answered with 404."""
    head = message(ROUTE_CONFIGURATION)(name=name, ignore_port_in_host_matching=True)
    return Resource(TYPE_URL, name, (Fragment(HEAD, encode(head), origins), *hosts))


def host_fragment(host: VirtualHost) -> Fragment:
    """One virtual host, as a field of its RouteConfiguration."""
    own = [_route(route, _one_label(host.host)) for route in host.routes]
    fields = {"name": host.host, "domains": [host.host], "routes": own + [_route(route, []) for route in host.fallback]}
    return Fragment(host.host, encode(message(ROUTE_CONFIGURATION)(virtual_hosts=[fields])), host.origins)


def _one_label(host: str) -> list[Fields]:
    """A wildcard of the Ingress API is one label, Envoy's any number: what is deeper goes to the fallback."""
    if host == ANY_HOST or not host.startswith("*."):
        return []
    return [_regex_header(":authority", rf"(?i)[^.]+{re.escape(host[1:])}(:[0-9]+)?")]


def _route(route: Route, conditions: list[Fields]) -> Fields:
    return (
        {"match": _match(route.match, conditions)}
        | action_fields(route.action, route.match)
        | _changes("request", route.request_headers)
        | _changes("response", route.response_headers)
    )


def _match(match: Match, conditions: list[Fields]) -> Fields:
    headers = conditions + _methods(match.methods) + [_header(header) for header in match.headers]
    return _path(match.path) | {"headers": headers}


def _path(path: PathMatch) -> Fields:
    match path:
        case ExactPath(value):
            return {"path": value}
        case RegexPath(value):
            return {"safe_regex": {"regex": value}}
        case PrefixPath("/"):
            return {"prefix": "/"}
        case PrefixPath(value):
            return {"path_separated_prefix": value}


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
