"""Clusters → Envoy's, one for each Service port that a route uses.

Load is balanced by turns: whoever has the fewest requests may be the one that refuses them all.
"""

from envoy_xds.api import encode, message, pack, type_url
from envoy_xds.durations import duration
from envoy_xds.resource import Resource, simple
from envoy_xds.sources import ADS, BUFFER, keepalive
from operators.ir.routes import Cluster, DnsBackend, EdsBackend, Protocol

CLUSTER = "envoy.config.cluster.v3.Cluster"
TYPE_URL = type_url(CLUSTER)

CONNECT = 5.0  # seconds
IDLE = 4.0  # seconds; Node.js, uvicorn and Apache end idle connections after 5, and a request on its way would be lost
UNLIMITED = {"value": 1 << 30}  # Envoy's 1024 of everything is a surprise under load; limits are for users to set

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TLS_CONTEXT = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_DNS = "envoy.extensions.clusters.dns.v3.DnsCluster"
_EDS = 3  # Cluster.DiscoveryType
_ROUND_ROBIN = 0  # Cluster.LbPolicy
_V4_PREFERRED = 4  # DnsLookupFamily

Fields = dict[str, object]


def cluster(one: Cluster) -> Resource:
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
    options = pack(message(_PROTOCOL_OPTIONS)(**_protocol(one)))
    made = message(CLUSTER)(
        name=one.name,
        connect_timeout=duration(CONNECT),
        lb_policy=_ROUND_ROBIN,
        circuit_breakers={"thresholds": [limits]},
        per_connection_buffer_limit_bytes=BUFFER,
        upstream_connection_options={"tcp_keepalive": keepalive()},
        typed_extension_protocol_options={_PROTOCOL_OPTIONS: options},
        **_discovery(one),
        **_transport(one),
    )
    return simple(TYPE_URL, one.name, encode(made), one.origins)


def _discovery(one: Cluster) -> Fields:
    match one.backend:
        case EdsBackend(endpoints):
            return {"type": _EDS, "eds_cluster_config": {"eds_config": ADS, "service_name": endpoints}}
        case DnsBackend(hostname, port):
            address = {"socket_address": {"address": hostname, "port_value": port}}
            endpoint = {"lb_endpoints": [{"endpoint": {"address": address}}]}
            dns = message(_DNS)(dns_lookup_family=_V4_PREFERRED, respect_dns_ttl=True)
            return {
                "cluster_type": {"name": "envoy.cluster.dns", "typed_config": pack(dns)},
                "load_assignment": {"cluster_name": one.name, "endpoints": [endpoint]},
            }


def _protocol(one: Cluster) -> Fields:
    spoken = "http2_protocol_options" if one.protocol is Protocol.H2C else "http_protocol_options"
    fields: Fields = {
        "explicit_http_config": {spoken: {}},
        "common_http_protocol_options": {"idle_timeout": duration(IDLE)},
    }
    if one.protocol is Protocol.HTTPS and isinstance(one.backend, EdsBackend):
        fields["upstream_http_protocol_options"] = {"auto_sni": True}  # the request's host, as the pod sees it
    return fields


def _transport(one: Cluster) -> Fields:
    """TLS to the backend keeps listeners away, not impostors: whose certificate it should have, an Ingress cannot say."""
    if one.protocol is not Protocol.HTTPS:
        return {}
    sni = one.backend.hostname if isinstance(one.backend, DnsBackend) else ""
    context = message(_TLS_CONTEXT)(sni=sni, common_tls_context={"alpn_protocols": ["http/1.1"]})
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": pack(context)}}
