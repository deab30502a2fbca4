"""The agent brings services into a real kernel: told by the real discovery server, served to a client in its cgroup."""

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from bpf.build import ensure
from bpf.kernel import Kernel
from envoy_xds.resource import simple
from operators.ir.refs import ObjectRef, Origin
from operators.ir.services import Backend, Family, Frontend, Protocol, Scope, ServicePort
from operators.node_agent.backoff import Backoff
from operators.node_agent.client import PLACES, SERVICE_PORTS, Client, Subscription, plaintext
from operators.node_agent.service_kernel import ServiceKernel
from operators.node_api.node_pb2 import Place
from operators.node_api.service_port import encode
from operators.services.choice import choose
from tests.bpf.bpffs import mounted
from tests.bpf.test_connect import Client as Asking
from tests.bpf.test_connect import Server, own_cgroup
from tests.xds.client import running

pytestmark = pytest.mark.root
SERVICE = "10.96.0.10"


def service(server: Server | None, name: str = "web", address: str = SERVICE) -> ServicePort:
    ref = ObjectRef("Service", "shop", name)
    backends = (Backend(server.address, server.port, Protocol.TCP, node="node-a"),) if server else ()
    frontend = Frontend(address, 80, Protocol.TCP, Scope.CLUSTER_IP, Origin(ref, ""))
    return ServicePort(ref, "", 80, Protocol.TCP, Family.IPV4, (frontend,), backends)


def told(port: ServicePort):
    return simple(SERVICE_PORTS.type_url, port.key, encode(port), frozenset())


@pytest.fixture
def resources():
    with ExitStack() as stack:
        yield stack


async def test_services_are_served_changed_and_survive_the_agent(
    namespace, loopback, tmp_path: Path, resources: ExitStack
):
    root = resources.enter_context(mounted(tmp_path / "bpf")) / "tulle"
    cgroup = resources.enter_context(own_cgroup())
    one, two = Server("one", "tcp", "127.0.0.1"), Server("two", "tcp", "127.0.0.1")
    resources.callback(one.close)
    resources.callback(two.close)
    client = Asking(cgroup)
    resources.callback(client.close)
    resources.callback(lambda: Kernel(root).cleanup())

    async with running() as server:
        server.apply(simple(PLACES.type_url, "node-a", Place(addresses=["192.0.2.1"]).SerializeToString(), frozenset()))
        server.apply(told(service(one)))
        agent = asyncio.create_task(agent_of(root, cgroup, server.port))
        await server.until_acked(SERVICE_PORTS.type_url, service(one).key)
        assert await asyncio.to_thread(answer, client) == "one"

        server.apply(told(service(two)))
        await server.until_acked(SERVICE_PORTS.type_url, service(two).key)
        assert await asyncio.to_thread(answer, client) == "two"

        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)
        assert await asyncio.to_thread(answer, client) == "two", "without an agent"

        server.events.clear()
        server.apply(told(service(one)))
        agent = asyncio.create_task(agent_of(root, cgroup, server.port))
        await server.until_acked(SERVICE_PORTS.type_url, service(one).key)
        assert await asyncio.to_thread(answer, client) == "one", "what changed meanwhile"
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)


async def agent_of(root: Path, cgroup: Path, port: int) -> None:
    """The agent's part that is about services."""
    services = ServiceKernel("node-a", Kernel(root), ensure(), cgroup, choose)
    subscriptions = Subscription(PLACES, services.place_told), Subscription(SERVICE_PORTS, services.ports_told)

    async def connect():
        return plaintext(f"127.0.0.1:{port}")

    await Client(f"agent/node-a/{os.getpid()}", subscriptions, connect, Backoff(0.01)).run()


def answer(client: Asking) -> str:
    client.do("connect", "c", "tcp", SERVICE, 80)
    return client.do("ask", "c", "?")
