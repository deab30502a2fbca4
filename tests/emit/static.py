"""What a cache publishes as one static configuration, which Envoy checks without a server: `envoy --mode validate`.

Envoy checks it as it checks what comes over xDS, and more: that every cluster and certificate which is named is there.
"""

import json
import subprocess
from pathlib import Path

from envoy_xds.api import message, to_dict
from envoy_xds.cache import Cache
from envoy_xds.clusters import CLUSTER
from envoy_xds.endpoints import LOAD_ASSIGNMENT
from envoy_xds.listeners import LISTENER
from envoy_xds.order import CDS, EDS, LDS, RDS, SDS
from envoy_xds.routes import ROUTE_CONFIGURATION
from envoy_xds.secrets import SECRET
from tests.xds.envoys import PATIENCE, binary

MESSAGES = {LDS: LISTENER, RDS: ROUTE_CONFIGURATION, CDS: CLUSTER, EDS: LOAD_ASSIGNMENT, SDS: SECRET}


def published(cache: Cache, type_url: str) -> dict[str, dict]:
    """The resources of one type by name, as JSON."""
    make = message(MESSAGES[type_url])
    return {
        name: to_dict(make.FromString(entry.resource.body())) for name, entry in sorted(cache.entries(type_url).items())
    }


def bootstrap(cache: Cache) -> dict:
    routes, endpoints = published(cache, RDS), published(cache, EDS)
    resources = {
        "listeners": [_with_routes(one, routes) for one in published(cache, LDS).values()],
        "clusters": [_with_endpoints(one, endpoints) for one in published(cache, CDS).values()],
        "secrets": list(published(cache, SDS).values()),
    }
    return {"node": {"id": "test", "cluster": "test"}, "static_resources": resources}


def _with_routes(listener: dict, routes: dict[str, dict]) -> dict:
    for chain in listener["filter_chains"]:
        for one in chain["filters"]:
            if rds := one["typed_config"].pop("rds", None):
                one["typed_config"]["route_config"] = routes[rds["route_config_name"]]
        context = chain.get("transport_socket", {}).get("typed_config", {}).get("common_tls_context", {})
        for secret in context.get("tls_certificate_sds_secret_configs", ()):
            del secret["sds_config"]  # then it is a static one
    return listener


def _with_endpoints(cluster: dict, endpoints: dict[str, dict]) -> dict:
    if eds := cluster.pop("eds_cluster_config", None):
        return cluster | {"type": "STATIC", "load_assignment": endpoints[eds["service_name"]]}
    return cluster


def rejection(config: dict, folder: Path) -> str:
    """What Envoy has against it; nothing when it takes it."""
    path = folder / "bootstrap.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    command = [binary(), "--mode", "validate", "-c", path, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warn"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return (done.stderr.strip() or "rejected") if done.returncode else ""
