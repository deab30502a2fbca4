"""The agent as a process: killed, stopped, started again, cleaned up after; and a whole node that begins with nothing but a token."""

import asyncio
from datetime import UTC, datetime

import aiohttp
import grpc
import pytest
import pytest_asyncio
from pyroute2 import AsyncIPRoute

from envoy_xds.cache import Cache
from envoy_xds.events import Acked, Connected, Disconnected, Nacked
from envoy_xds.order import LDS
from envoy_xds.resource import simple
from operators.ca.authority import Names, key_pem, make_key, make_root
from operators.ca.bootstrap import Certificates
from operators.ca.identity import controller_names
from operators.ca.reviews import Caller
from operators.controller.identify import by_certificate
from operators.node_agent.client import ADDRESSES
from operators.node_agent.devices import Devices
from operators.node_api.node_pb2 import Address
from tests.netns.namespace import get_sysctl
from tests.netns.processes import agent, proxy, started
from tests.netns.resources import direct, listener
from tests.xds.client import running

pytestmark = pytest.mark.root
TRUST = ("cluster.local", "tulle-system")


def resource(address: str, interface: str = ""):
    return simple(ADDRESSES.type_url, address, Address(address=address, interface=interface).SerializeToString())


async def ours() -> set[str]:
    async with Devices() as devices:
        return {one.address for one in (await devices.look()).held if one.ours}


@pytest_asyncio.fixture
async def controller(wire):
    """The view of the one node, over plaintext."""
    async with running() as server:
        server.apply(resource("10.1.0.50"), resource("fd00:1::50"))
        yield server


async def told(controller) -> None:
    await controller.until_acked(ADDRESSES.type_url, "10.1.0.50")
    await controller.until_acked(ADDRESSES.type_url, "fd00:1::50")


async def test_a_killed_agent_leaves_its_addresses_and_its_successor_takes_over(controller):
    async with agent(controller.port) as first:
        await told(controller)
        first.kill()
        await controller.until(lambda: controller.seen(Disconnected))
    assert await ours() == {"10.1.0.50", "fd00:1::50"}

    controller.apply(resource("10.1.0.51"), removes=[(ADDRESSES.type_url, "10.1.0.50")])
    async with agent(controller.port):
        await controller.until_acked(ADDRESSES.type_url, "10.1.0.51")
    assert await ours() == {"10.1.0.51", "fd00:1::50"}


async def test_a_stopped_agent_leaves_its_addresses_and_cleanup_removes_them(controller):
    async with agent(controller.port) as one:
        await told(controller)
        one.terminate()
        assert await one.wait() == 0
    assert await ours() == {"10.1.0.50", "fd00:1::50"}

    async with started("operators.node_agent.main", "--cleanup") as cleanup:
        assert await cleanup.wait() == 0
    assert await ours() == set()


async def test_an_agent_that_hears_no_controller_removes_nothing(controller):
    async with agent(controller.port):
        await told(controller)
    await controller.ads.stop(controller.grpc, grace=0)
    async with agent(controller.port, round_seconds=0.05, health_port=15020) as deaf:
        text = await metric("tulle_agent_connected 0.0")
        assert deaf.returncode is None

    assert "tulle_agent_addresses 0.0" in text  # it knows of none that it should hold
    assert await ours() == {"10.1.0.50", "fd00:1::50"}


async def test_an_address_of_someone_else_is_rejected_in_words_and_stays(controller):
    async with AsyncIPRoute() as netlink:
        await netlink.addr("add", index=1, address="10.1.0.60", prefixlen=32)
    async with agent(controller.port):
        await told(controller)
        controller.apply(resource("10.1.0.60"))
        await controller.until(lambda: controller.seen(Nacked))

    message = controller.seen(Nacked)[0].message
    assert message == "10.1.0.60: 10.1.0.60 is on lo of this node already, and Tulle did not put it there"
    assert await ours() == {"10.1.0.50", "fd00:1::50"}


async def test_what_someone_removes_comes_back(controller):
    async with agent(controller.port, round_seconds=0.1), AsyncIPRoute() as events, AsyncIPRoute() as netlink:
        await told(controller)
        await events.bind(groups=0x10)  # IPv4 addresses
        (index,) = await netlink.link_lookup(ifname="up0")
        await netlink.addr("del", index=index, address="10.1.0.50", prefixlen=32)
        seen = []
        async with asyncio.timeout(20):
            while "RTM_NEWADDR" not in seen:
                seen += [event["event"] async for event in events.get()]

    assert seen[:2] == ["RTM_DELADDR", "RTM_NEWADDR"]


async def test_it_lets_connections_migrate_and_says_how_it_is(controller):
    async with agent(controller.port, health_port=15020):
        await told(controller)
        text = await metric("tulle_agent_addresses 2.0")

    assert "tulle_agent_connected 1.0" in text
    assert get_sysctl("net.ipv4.tcp_migrate_req") == "1"


async def metric(line: str) -> str:
    """All metrics, once this line is among them."""
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get("http://127.0.0.1:15020/metrics") as answer:
                    text = await answer.text()
            except aiohttp.ClientError:
                text = ""
            if line in text:
                return text
            await asyncio.sleep(0.02)


class Controller:
    """CA and certificates as in the controller's process; the API server's word on tokens is given."""

    def __init__(self) -> None:
        self.root = make_root(TRUST[0], datetime.now(UTC))
        self.key = make_key()
        names = controller_names(*TRUST, ["127.0.0.1"])
        self.chain = b"".join(self.issue(self.key.public_key(), names).chain)
        self.server = grpc.aio.server()
        certificates = Certificates(self.review, self.issue, *TRUST)
        self.server.add_generic_rpc_handlers((certificates.handler(),))
        self.port = self.server.add_secure_port("127.0.0.1:0", self.credentials(clients=False))

    def issue(self, key, names: Names):
        return self.root.issue(key, names, datetime.now(UTC), 0)

    async def review(self, token: str) -> Caller:
        assert token == "bound"
        return Caller("system:serviceaccount:tulle-system:tulle-agent", "node-a", "p")

    def credentials(self, *, clients: bool = True) -> grpc.ServerCredentials:
        pair = (key_pem(self.key), self.chain)
        return grpc.ssl_server_credentials([pair], self.root.bundle if clients else None, require_client_auth=clients)

    def identify(self, context, node):
        by_certificate(*TRUST)(context, node)
        return ("ingress" if node.id.startswith("envoy/") else "v"), "node-a"


@pytest.mark.envoy
async def test_a_node_begins_with_a_token_and_ends_up_with_an_address_and_an_envoy(wire, tmp_path):
    controller = Controller()
    await controller.server.start()
    (tmp_path / "token").write_text("bound\n")
    files = {"token_file": tmp_path / "token", "bundle_file": tmp_path / "ca.crt"}
    tls = {"xds_tls": "on", "agent_socket": tmp_path / "agent.sock"}
    bootstrap = {"bootstrap_address": f"127.0.0.1:{controller.port}"}
    async with running(credentials=controller.credentials(), identify=controller.identify) as server:
        server.apply(resource("10.1.0.50"))
        ingress: Cache = server.views.cache("ingress")
        ingress.apply([listener(direct("/", "hello"))])
        async with agent(server.port, **files, **tls, **bootstrap), proxy("e", tmp_path, server.port, **tls) as envoy:
            (tmp_path / "ca.crt").write_bytes(controller.root.bundle)  # mounted later than both started
            await envoy.ready()
            await server.until_acked(ADDRESSES.type_url, "10.1.0.50")
            await server.until(lambda: any(one.type_url == LDS and one.versions for one in server.seen(Acked)))

        assert set(server.seen(Connected)) == {
            Connected("agent/node-a/p", "v", "node-a"),
            Connected("envoy/node-a/e", "ingress", "node-a"),
        }
        assert not server.seen(Nacked)
    await controller.server.stop(None)
