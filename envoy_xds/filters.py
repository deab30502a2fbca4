"""Network and HTTP filters of a gateway's listeners. Authentication, rate limits and access logs take their place here."""

from google.protobuf.message import Message

from envoy_xds.api import message, pack
from envoy_xds.durations import duration
from envoy_xds.sources import ADS_ONLY

_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_DIRECT_RESPONSE = "envoy.extensions.filters.network.direct_response.v3.Config"
_TLS_INSPECTOR = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"

IDLE_CONNECTION = 3600.0  # seconds; a client may keep a connection without requests for so long
IDLE_STREAM = 300.0  # seconds; the default, which a route's own idle timeout replaces
REQUEST_HEADERS = 30.0  # seconds; slower clients are attackers or broken
STREAMS = 128  # at once on an HTTP/2 connection
STREAM_WINDOW, CONNECTION_WINDOW = 1 << 20, 8 << 20  # bytes that HTTP/2 clients may send before a backend takes them

Filter = dict[str, object]


def connection_manager(stat: str, routes: str) -> Filter:
    """HTTP/1, HTTP/2 and WebSockets, routed by the RouteConfiguration `routes`.

    Dots in a path are resolved (RFC 3986, section 6.2.2.3); doubled and escaped slashes stay, as they mean something to some
    backends and routes compare what the backend gets. The client's address is what Envoy sees: forwarded ones are appended to.
    """
    manager = message(_MANAGER)(
        stat_prefix=stat,
        rds={"config_source": ADS_ONLY, "route_config_name": routes},
        http_filters=[_named("envoy.filters.http.router", message(_ROUTER)(suppress_envoy_headers=True))],
        upgrade_configs=[{"upgrade_type": "websocket"}],
        use_remote_address={"value": True},
        normalize_path={"value": True},
        strip_trailing_host_dot=True,
        server_header_transformation=2,  # PASS_THROUGH: the backend's own
        request_headers_timeout=duration(REQUEST_HEADERS),
        stream_idle_timeout=duration(IDLE_STREAM),
        common_http_protocol_options={"idle_timeout": duration(IDLE_CONNECTION)},
        http_protocol_options={"accept_http_10": True},  # health checks and ab still speak it
        http2_protocol_options=_http2(),
    )
    return _named("envoy.filters.network.http_connection_manager", manager)


def _http2() -> dict[str, object]:
    return {
        "max_concurrent_streams": {"value": STREAMS},
        "initial_stream_window_size": {"value": STREAM_WINDOW},
        "initial_connection_window_size": {"value": CONNECTION_WINDOW},
    }


def refuse() -> Filter:
    """End the connection at once: for TLS hosts without a usable certificate."""
    return _named("envoy.filters.network.direct_response", message(_DIRECT_RESPONSE)())


def tls_inspector() -> Filter:
    return _named("envoy.filters.listener.tls_inspector", message(_TLS_INSPECTOR)())


def _named(name: str, config: Message) -> Filter:
    return {"name": name, "typed_config": pack(config)}
