"""What an Envoy must know before it knows us: who it is, where the controller is, how to trust it. Everything else comes by ADS.

Standard library only: it runs in Envoy's image.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]

TYPES = "type.googleapis.com/"
CONTROLLER, AGENT = "tulle-controller", "tulle-agent"
IDENTITY, TRUST_BUNDLE = "identity", "trust-bundle"  # what the agent serves by SDS
FOREVER = "0s"


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Each from the environment variable of its name, with the prefix TULLE_."""

    node_name: str
    pod_name: str
    xds_address: str = "tulle-controller.tulle-system.svc:15010"
    xds_tls: bool = True
    controller_id: str = "spiffe://cluster.local/ns/tulle-system/sa/tulle-controller"
    agent_socket: str = "/run/tulle/agent.sock"
    envoy_binary: str = "envoy"
    envoy_directory: Path = Path("/run/tulle-envoy")  # this pod's own: admin socket and bootstrap
    concurrency: int = 0  # workers; 0: as many as there are processors
    log_level: str = "info"
    runtime: Mapping[str, object] = field(default_factory=dict)  # Envoy's runtime flags
    maximum_connections: int = 50_000
    linger_seconds: float = 5.0  # how long it goes on accepting after SIGTERM, for who has not noticed yet
    drain_seconds: float = 60.0  # how long after that open connections may last

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        def text(name: str, default: object = "") -> str:
            return environment.get(f"TULLE_{name}") or str(default)

        missing = [name for name in ("TULLE_NODE_NAME", "TULLE_POD_NAME") if not environment.get(name)]
        if missing:
            raise ValueError(f"not set: {', '.join(missing)}")
        trust_domain, namespace = text("TRUST_DOMAIN", "cluster.local"), text("NAMESPACE", "tulle-system")
        return cls(
            node_name=text("NODE_NAME"),
            pod_name=text("POD_NAME"),
            xds_address=text("XDS_ADDRESS", f"{CONTROLLER}.{namespace}.svc:15010"),
            xds_tls=text("XDS_TLS", "on").lower() not in {"off", "false", "0"},
            controller_id=f"spiffe://{trust_domain}/ns/{namespace}/sa/{CONTROLLER}",
            agent_socket=text("AGENT_SOCKET", "/run/tulle/agent.sock"),
            envoy_binary=text("ENVOY_BINARY", "envoy"),
            envoy_directory=Path(text("ENVOY_DIRECTORY", "/run/tulle-envoy")),
            concurrency=int(text("CONCURRENCY", 0)),
            log_level=text("ENVOY_LOG_LEVEL", "info"),
            runtime=json.loads(text("ENVOY_RUNTIME", "{}")),
            maximum_connections=int(text("MAXIMUM_CONNECTIONS", 50_000)),
            linger_seconds=float(text("LINGER_SECONDS", 5)),
            drain_seconds=float(text("DRAIN_SECONDS", 60)),
        )

    @property
    def admin_socket(self) -> Path:
        return self.envoy_directory / "admin.sock"


def bootstrap(settings: EnvoySettings) -> Json:
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": FOREVER}  # not live without configuration
    clusters = [_controller(settings)]
    if settings.xds_tls:
        clusters.append(_agent(settings))
    return {
        "node": {"id": f"envoy/{settings.node_name}/{settings.pod_name}", "cluster": "tulle"},
        "admin": {"address": {"pipe": {"path": str(settings.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": _grpc_source(CONTROLLER, patience="5s"),
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": clusters},
        "typed_dns_resolver_config": _resolver(),
        "layered_runtime": {
            "layers": [{"name": "chart", "static_layer": dict(settings.runtime)}, {"name": "admin", "admin_layer": {}}]
        },
        "overload_manager": _overload(settings),
        "stats_config": _stats(),
    }


def _resolver() -> Json:
    """A socket for each query: one that is kept would go to the DNS pod that it was first balanced to, also when that is gone."""
    config = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
    settings = {"udp_max_queries": 1, "query_timeout_seconds": 2, "query_tries": 3}
    return {"name": "envoy.network.dns_resolver.cares", "typed_config": {"@type": TYPES + config} | settings}


def _grpc_source(cluster: str, patience: str) -> Json:
    """`patience`: the longest pause before it connects anew; Envoy's own is half a minute."""
    pauses = {"base_interval": "0.2s", "max_interval": patience}
    service = {"cluster_name": cluster, "retry_policy": {"retry_back_off": pauses}}
    return {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": service}],
    }


def _controller(settings: EnvoySettings) -> Json:
    host, _, port = settings.xds_address.rpartition(":")
    address = {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
    cluster = _http2_cluster(CONTROLLER, "STRICT_DNS", address)
    # a replica that is gone without a word must be noticed; Envoy then connects to the other one
    keepalive = {"interval": "10s", "timeout": "5s"}
    cluster["typed_extension_protocol_options"] = _http2({"connection_keepalive": keepalive})
    if settings.xds_tls:
        cluster["transport_socket"] = _tls(settings, host.strip("[]"))
    return cluster


def _agent(settings: EnvoySettings) -> Json:
    return _http2_cluster(AGENT, "STATIC", {"pipe": {"path": settings.agent_socket}})


def _http2_cluster(name: str, kind: str, address: Json) -> Json:
    return {
        "name": name,
        "type": kind,
        "connect_timeout": "2s",
        "typed_extension_protocol_options": _http2({}),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _http2(options: Json) -> Json:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {name: {"@type": TYPES + name, "explicit_http_config": {"http2_protocol_options": options}}}


def _tls(settings: EnvoySettings, host: str) -> Json:
    """Our certificate and the roots come from the agent on this node; the peer must be the controller."""
    controller = {"san_type": "URI", "matcher": {"exact": settings.controller_id}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPES + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": host,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [_secret(IDENTITY)],
                "combined_validation_context": {
                    "default_validation_context": {"match_typed_subject_alt_names": [controller]},
                    "validation_context_sds_secret_config": _secret(TRUST_BUNDLE),
                },
            },
        },
    }


def _secret(name: str) -> Json:
    source = {
        "resource_api_version": "V3",
        "initial_fetch_timeout": FOREVER,
        "api_config_source": _grpc_source(AGENT, patience="1s"),
    }
    return {"name": name, "sds_config": source}


def _overload(settings: EnvoySettings) -> Json:
    """Refuse connections before file descriptors run out."""
    kind = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    limit = {"@type": TYPES + kind, "max_active_downstream_connections": settings.maximum_connections}
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"resource_monitors": [{"name": name, "typed_config": limit}]}


def _stats() -> Json:
    """Of each cluster's many statistics leave out those that nobody looks at."""
    parts = (".lb_", ".upstream_flow_control_", ".upstream_cx_rx_bytes_buffered", ".upstream_cx_tx_bytes_buffered")
    return {"stats_matcher": {"exclusion_list": {"patterns": [{"contains": part} for part in parts]}}}
