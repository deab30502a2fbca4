"""A node and its neighbour on one wire, in network namespaces of the test's own."""

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import pytest_asyncio
from pyroute2 import AsyncIPRoute

from tests.netns.namespace import inside, new_namespace, set_sysctl

NODE, NEIGHBOUR = "10.1.0.1", "10.1.0.2"
NODE6, NEIGHBOUR6 = "fd00:1::1", "fd00:1::2"
NO_DETECTION = 0x02


@pytest.fixture
def namespace() -> Iterator[int]:
    """The test is in it."""
    if os.geteuid():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs root")
    with new_namespace() as descriptor:
        yield descriptor


@pytest_asyncio.fixture
async def loopback(namespace):
    async with AsyncIPRoute() as netlink:
        await netlink.link("set", index=1, state="up")


@pytest_asyncio.fixture
async def wire(namespace, loopback):
    """`up0` of the node is wired to `peer0` in the neighbour's namespace, which is `wire.neighbour`."""
    with new_namespace() as neighbour:
        with inside(namespace):
            async with AsyncIPRoute() as netlink:
                peer = {"ifname": "peer0", "net_ns_fd": neighbour}
                await netlink.link("add", ifname="up0", kind="veth", peer=peer)
                await _configure(netlink, "up0", NODE, NODE6)
        async with AsyncIPRoute() as netlink:
            await _configure(netlink, "peer0", NEIGHBOUR, NEIGHBOUR6)
        set_sysctl("net.ipv4.neigh.peer0.locktime", 0)  # believe whatever is heard last
        with inside(namespace):
            yield SimpleNamespace(node=namespace, neighbour=neighbour)


async def _configure(netlink, name: str, address: str, address6: str) -> None:
    (index,) = await netlink.link_lookup(ifname=name)
    await netlink.link("set", index=index, state="up")
    await netlink.addr("add", index=index, address=address, prefixlen=24)
    await netlink.addr("add", index=index, address=address6, prefixlen=64, IFA_FLAGS=NO_DETECTION)
