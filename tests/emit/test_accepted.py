"""Random objects, all that the API server takes and some mistaken ones; the stock Envoy accepts all that we make of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from envoy_xds.cache import Cache
from envoy_xds.emit import emit
from operators.ingress.options import IngressSettings
from operators.settings import Exposure
from tests.emit.static import bootstrap, rejection
from tests.ingress import strategies as mistaken
from tests.ingress.certificates import secret
from tests.ingress.world import world
from tests.strategies import valid_objects

pytestmark = pytest.mark.envoy

Object = dict[str, Any]
ON_NODES = IngressSettings(exposure=Exposure.NODE_PORT, http_port=30080, https_port=30443)
CLASS = {
    "kind": "IngressClass",
    "metadata": {"name": "tulle", "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}},
    "spec": {"controller": "tulle.dev/ingress"},
}
PORTS = [
    {"name": "http", "port": 80},
    {"name": "https", "port": 443, "appProtocol": "https"},
    {"name": "x-1", "port": 8080, "appProtocol": "kubernetes.io/h2c"},
    {"port": 65535},
]
EXTERNAL = {"type": "ExternalName", "externalName": "api.example"}


def service(namespace: str, name: str, spec: Object) -> Object:
    return {"kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def base(namespaces: str, names: str, secrets: str) -> list[Object]:
    """What most references find, unless a random object takes its place: else nearly every answer would be 503."""
    found: list[Object] = [CLASS]
    for namespace in namespaces.split():
        *served, external = names.split()
        found += [service(namespace, name, {"ports": PORTS}) for name in served]
        found.append(service(namespace, external, EXTERNAL))
        found += [secret(name, ["shop.example"], namespace=namespace) for name in secrets.split()]
    return found


def key_of(body: Object) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


def worlds(objects: st.SearchStrategy[Object], more: list[Object]) -> st.SearchStrategy[list[Object]]:
    """Random objects over what is there anyway; of those with the same key the last."""
    drawn = st.lists(objects, min_size=10, max_size=16)
    return drawn.map(lambda bodies: list({key_of(body): body for body in more + bodies}.values()))


WORLDS = st.one_of(
    worlds(valid_objects(), base("default shop", "web api web-next", "web-tls api-tls")),
    worlds(mistaken.ANY_OBJECT, base("a b", "x y z", "x")),
)


def refused(objects: list[Object], folder: Path) -> str:
    cache = Cache("ingress")
    emit(world(*objects, settings=ON_NODES).mesh, cache)
    return rejection(bootstrap(cache), folder)


def needed(objects: list[Object], folder: Path) -> list[Object]:
    """Those of refused objects without which the others are accepted; Hypothesis would take minutes."""
    for body in objects:
        others = [one for one in objects if one is not body]
        objects = others if refused(others, folder) else objects
    return objects


@settings(
    max_examples=50,
    deadline=None,
    phases=set(Phase) - {Phase.shrink, Phase.explain},
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(WORLDS)
def test_envoy_accepts_what_follows_from_random_objects(tmp_path_factory, objects):
    """Some five hundred objects."""
    folder = tmp_path_factory.mktemp("static")
    if message := refused(objects, folder):
        pytest.fail(f"{message}\n{yaml.safe_dump_all(needed(objects, folder))}")


def test_what_only_envoy_knows_to_be_wrong_is_seen(tmp_path, monkeypatch):
    """Here, as nobody looks at expressions. Over xDS such a host is quarantined."""
    monkeypatch.setattr("operators.ingress.regexes.fault", lambda expression: None)
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/x{2000}", "pathType": "ImplementationSpecific", "backend": backend}
    metadata = {"name": "web", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"}
    spec = {"rules": [{"host": "shop.example", "http": {"paths": [path]}}]}
    objects = [*base("default", "web api", ""), {"kind": "CiliumIngress", "metadata": metadata, "spec": spec}]
    assert "invalid repetition size" in refused(objects, tmp_path)
    assert objects[-1] in needed(objects, tmp_path)
