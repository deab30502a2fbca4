"""Gateways and their TLS hosts → Listeners, one for each address and port."""

from collections import defaultdict
from collections.abc import Iterable
from ipaddress import ip_address

from envoy_xds.api import encode, message, pack, type_url
from envoy_xds.durations import duration
from envoy_xds.filters import connection_manager, refuse, tls_inspector
from envoy_xds.resource import HEAD, Fragment, Resource
from envoy_xds.sources import ADS, BUFFER, keepalive
from operators.ir.refs import ObjectRef
from operators.ir.routes import ANY_HOST, Gateway, Scheme, TlsHost

LISTENER = "envoy.config.listener.v3.Listener"
TYPE_URL = type_url(LISTENER)

HANDSHAKE = 10.0  # seconds; clients that need longer hold a connection for nothing

_TLS_1_2 = 3  # TlsParameters.TlsProtocol
_TLS_CONTEXT = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"

Fields = dict[str, object]


def routes_name(gateway: str, scheme: Scheme) -> str:
    """The RouteConfiguration of a gateway's scheme."""
    return f"{gateway}/{scheme}"


def listener_name(gateway: str, address: str, port: int) -> str:
    return f"{gateway}/[{address}]:{port}" if ":" in address else f"{gateway}/{address}:{port}"


def http_listeners(gateway: Gateway) -> list[Resource]:
    chain: Fields = {
        "name": "http",
        "filters": [connection_manager(f"{gateway.name}_http", routes_name(gateway.name, Scheme.HTTP))],
    }
    chains = (_chain_fragment("http", chain, gateway.origins),)
    return [_listener(gateway, address, gateway.http_port, {}, chains) for address in gateway.addresses]


def https_listeners(gateway: Gateway, hosts: Iterable[TlsHost]) -> list[Resource]:
    """A filter chain for each set of certificates, chosen by SNI; other names are refused. None without TLS hosts."""
    chains = tuple(_tls_chains(gateway, hosts))
    if not chains:
        return []
    inspect: Fields = {"listener_filters": [tls_inspector()]}
    return [_listener(gateway, address, gateway.https_port, inspect, chains) for address in gateway.addresses]


def _tls_chains(gateway: Gateway, hosts: Iterable[TlsHost]) -> Iterable[Fragment]:
    groups: defaultdict[tuple[tuple[str, ...], bool], list[TlsHost]] = defaultdict(list)
    for host in hosts:
        groups[host.certificates, host.host == ANY_HOST].append(host)
    for (certificates, any_host), members in sorted(groups.items()):
        name = f"{'any' if any_host else 'sni'}:{','.join(certificates) or 'refused'}"
        names = [] if any_host else sorted(member.host for member in members)
        serve: Fields = _serve_tls(gateway, certificates) if certificates else {"filters": [refuse()]}
        match: Fields = {"transport_protocol": "tls", "server_names": names}
        origins = frozenset[ObjectRef]().union(*(member.origins for member in members))
        yield _chain_fragment(name, serve | {"name": name, "filter_chain_match": match}, origins)


def _serve_tls(gateway: Gateway, certificates: tuple[str, ...]) -> Fields:
    """Of several certificates clients get the one whose kind of key they know, also where none is for the name they ask for."""
    context = message(_TLS_CONTEXT)(
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": _TLS_1_2},
            "tls_certificate_sds_secret_configs": [{"name": name, "sds_config": ADS} for name in certificates],
            "alpn_protocols": ["h2", "http/1.1"],
        },
        full_scan_certs_on_sni_mismatch={"value": len(certificates) > 1},
    )
    manager = connection_manager(f"{gateway.name}_https", routes_name(gateway.name, Scheme.HTTPS))
    return {
        "filters": [manager],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": pack(context)},
        "transport_socket_connect_timeout": duration(HANDSHAKE),
    }


def _chain_fragment(key: str, chain: Fields, origins: frozenset[ObjectRef]) -> Fragment:
    return Fragment(key, encode(message(LISTENER)(filter_chains=[chain])), origins)


def _listener(gateway: Gateway, address: str, port: int, extra: Fields, chains: tuple[Fragment, ...]) -> Resource:
    """Bound before the address is there, and beside the Envoy that this one replaces."""
    name = listener_name(gateway.name, address, port)
    head = message(LISTENER)(
        name=name,
        address={"socket_address": {"address": address, "port_value": port}},
        freebind={"value": not ip_address(address).is_unspecified},
        enable_reuse_port={"value": True},
        per_connection_buffer_limit_bytes=BUFFER,
        tcp_keepalive=keepalive(),
        **extra,
    )
    return Resource(TYPE_URL, name, (Fragment(HEAD, encode(head), gateway.origins), *chains))
