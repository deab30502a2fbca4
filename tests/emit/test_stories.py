"""The stories of `e2e/ingress/`, without a cluster: objects through the tables and emitters to the stock Envoy.

Left out are those that need a cluster's DNS, or pods that speak more than HTTP/1.1 or do as a request says.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from e2e.certificates import tls_secret
from e2e.echo import PORTS
from e2e.fetch import Answer, fetch
from e2e.ports import free_port
from e2e.stories import Story, load
from e2e.test_ingress import play
from envoy_xds.emit import emit
from envoy_xds.events import Acked
from envoy_xds.order import CDS, LDS, RDS, SDS
from operators.ingress.options import IngressSettings
from operators.settings import Exposure
from tests.emit.served import backend
from tests.ingress.world import FIELDS, World
from tests.xds.client import Server, running
from tests.xds.envoys import started

pytestmark = pytest.mark.envoy

NAMES = ("one", "two", "three")
NAMESPACE = "stories"
BEYOND_US = ("ExternalName", "h2c", "8443", "'protocol'", "${client}", "?header=", "?delay=", "?wait=")
CLASS = {
    "kind": "IngressClass",
    "metadata": {"name": "tulle", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "spec": {"controller": "tulle.dev/ingress"},
}


def can_be_played(story: Story) -> bool:
    text = str(dict(story.given))
    return not any(word in text for word in BEYOND_US)


STORIES = [story for story in load({"namespace": NAMESPACE}) if can_be_played(story)]


@dataclass
class Stage:
    """What `play` needs of a cluster."""

    http: int = field(default_factory=free_port)
    https: int = field(default_factory=free_port)
    serials: dict[str, int] = field(default_factory=dict)
    client: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(address="127.0.0.1"))

    def ask(self, url: str, method: str = "GET", send: dict[str, str] | None = None) -> Answer:
        port = self.https if url.startswith("https") else self.http
        answer = fetch(url, "127.0.0.1", port=port, method=method, headers=send)
        path, _, query = str(answer.seen.get("path", "")).partition("?")
        answer.seen.update(path=path, query=query)
        if location := answer.headers.get("location"):
            answer.headers["location"] = location.replace(f":{self.https}", "")  # 443 on the cluster
        return answer


def service(name: str, spec: dict | None = None) -> dict:
    return {"kind": "Service", "metadata": {"name": name}, "spec": spec or {"selector": {"app": name}, "ports": PORTS}}


def endpoint_slice(body: dict, pods: dict[str, int]) -> dict:
    """As the cluster would make it of the Service's selector."""
    app = body["spec"].get("selector", {}).get("app")
    ports = [
        {"name": port.get("name", ""), "port": pods.get(app, 1), "protocol": "TCP"} for port in body["spec"]["ports"]
    ]
    labels = {"kubernetes.io/service-name": body["metadata"]["name"]}
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": body["metadata"]["name"], "labels": labels},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": ["127.0.0.1"]}] if app in pods else [],
    }


def world_of(story: Story, stage: Stage, pods: dict[str, int]) -> World:
    """Later objects are younger."""
    secrets = [tls_secret(name, **what) for name, what in story.secrets.items()]
    stage.serials = {manifest["metadata"]["name"]: serial for manifest, serial in secrets}
    bodies = [CLASS, *map(service, NAMES), *(manifest for manifest, _ in secrets), *story.objects, story.subject]
    world = World.of(IngressSettings(Exposure.HOST_NETWORK, stage.http, stage.https))
    for at, body in enumerate(one for one in bodies if one.get("kind") in FIELDS):
        defaults = {"namespace": NAMESPACE, "creationTimestamp": f"2026-01-01T00:00:{at:02}Z"}
        made = [body, endpoint_slice(body, pods)] if body["kind"] == "Service" else [body]
        world.set(*(one | {"metadata": defaults | one["metadata"]} for one in made))
    world.commit()
    return world


async def settled(server: Server) -> None:
    """All that is published now is accepted."""

    def is_settled() -> bool:
        accepted = {(event.type_url, *one) for event in server.seen(Acked) for one in event.versions}
        entries = (
            (kind, name, entry) for kind in (CDS, SDS, LDS, RDS) for name, entry in server.cache.entries(kind).items()
        )
        return all((kind, name, entry.version) in accepted for kind, name, entry in entries)

    await server.until(is_settled)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.id)
async def test_story(story, tmp_path):
    stage = Stage()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running())
        pods = {name: await stack.enter_async_context(backend(name)) for name in NAMES}
        emit(world_of(story, stage, pods).mesh, server.cache)
        await stack.enter_async_context(started(tmp_path, server.port))
        await settled(server)
        found = {url: await asyncio.to_thread(play, stage, url, wanted) for url, wanted in story.requests.items()}

    assert {url: wrong for url, wrong in found.items() if wrong} == {}
