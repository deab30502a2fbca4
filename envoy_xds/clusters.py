"""Clusters → Envoy's, one for each Service port that a route uses."""

from envoy_xds.api import encode, message, pack, type_url
from envoy_xds.durations import duration
from envoy_xds.resource import Resource, simple
from envoy_xds.sources import ADS
from operators.ir.routes import Cluster, DnsBackend, EdsBackend, Protocol

CLUSTER = "envoy.config.cluster.v3.Cluster"
TYPE_URL = type_url(CLUSTER)

CONNECT = 5.0  # seconds
IDLE = 60.0  # seconds; a connection without requests is closed by us before most backends do
UNLIMITED = {
    "value": 1 << 30
}  # Envoy's default of 1024 of everything is a surprise under load; limits are for users to set

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS_CONTEXT = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_STRICT_DNS, _EDS = 1, 3  # Cluster.DiscoveryType
_LEAST_REQUEST = 1  # Cluster.LbPolicy: of two endpoints the one with fewer requests, which slow pods deserve
_V4_PREFERRED = 3  # Cluster.DnsLookupFamily

Fields = dict[str, object]


def cluster(one: Cluster) -> Resource:
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
    options = pack(message(_PROTOCOL_OPTIONS)(**_protocol(one.protocol)))
    made = message(CLUSTER)(
        name=one.name,
        connect_timeout=duration(CONNECT),
        lb_policy=_LEAST_REQUEST,
        circuit_breakers={"thresholds": [limits]},
        typed_extension_protocol_options={_PROTOCOL_OPTIONS: options},
        **_discovery(one),
        **_transport(one.protocol),
    )
    return simple(TYPE_URL, one.name, encode(made), one.origins)


def _discovery(one: Cluster) -> Fields:
    match one.backend:
        case EdsBackend(endpoints):
            return {"type": _EDS, "eds_cluster_config": {"eds_config": ADS, "service_name": endpoints}}
        case DnsBackend(hostname, port):
            address = {"socket_address": {"address": hostname, "port_value": port}}
            assignment = {
                "cluster_name": one.name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            }
            return {
                "type": _STRICT_DNS,
                "load_assignment": assignment,
                "dns_lookup_family": _V4_PREFERRED,
                "respect_dns_ttl": True,
            }


def _protocol(protocol: Protocol) -> Fields:
    spoken: Fields = {"http2_protocol_options": {}} if protocol is Protocol.H2C else {"http_protocol_options": {}}
    sni: Fields = {"upstream_http_protocol_options": {"auto_sni": True}} if protocol is Protocol.HTTPS else {}
    return {"explicit_http_config": spoken, "common_http_protocol_options": {"idle_timeout": duration(IDLE)}} | sni


def _transport(protocol: Protocol) -> Fields:
    """TLS to the pod keeps listeners away, not impostors: whose certificate a pod should have, an Ingress cannot say."""
    if protocol is not Protocol.HTTPS:
        return {}
    context = message(_TLS_CONTEXT)(common_tls_context={"alpn_protocols": ["http/1.1"]})
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": pack(context)}}
