"""Listeners and clusters for a node's Envoy."""

from envoy_xds.api import encode, from_dict, type_url
from envoy_xds.order import CDS, LDS
from envoy_xds.resource import Resource, simple
from tests.xds.envoys import HTTP, HTTP2, ROUTER

PORT = 8080


def listener(*routes: dict, port: int = PORT) -> Resource:
    """HTTP/1 and HTTP/2 on a port that others may share; says in a header which pod's Envoy answers."""
    who = {"header": {"key": "x-served-by", "value": "%ENVIRONMENT(TULLE_POD_NAME)%"}}
    http = {
        "@type": type_url(HTTP),
        "stat_prefix": "ingress",
        "http_filters": [{"name": "router", "typed_config": {"@type": type_url(ROUTER)}}],
        "route_config": {
            "name": "r",
            "response_headers_to_add": [who],
            "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": list(routes)}],
        },
    }
    fields = {
        "name": f"l{port}",
        "enable_reuse_port": True,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }
    return simple(LDS, fields["name"], encode(from_dict("envoy.config.listener.v3.Listener", fields)))


def direct(prefix: str, body: str) -> dict:
    return {"match": {"prefix": prefix}, "direct_response": {"status": 200, "body": {"inline_string": body}}}


def to_cluster(prefix: str, name: str) -> dict:
    return {"match": {"prefix": prefix}, "route": {"cluster": name, "timeout": "0s"}}


def cluster(name: str, port: int, *, http2: bool = False) -> Resource:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    fields = {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    if http2:
        explicit = {"@type": type_url(HTTP2), "explicit_http_config": {"http2_protocol_options": {}}}
        fields["typed_extension_protocol_options"] = {HTTP2: explicit}
    return simple(CDS, name, encode(from_dict("envoy.config.cluster.v3.Cluster", fields)))
