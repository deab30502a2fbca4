"""Real devices: addresses are assigned, found again by their mark, removed; nobody else's is ours."""

import asyncio
import socket

import pytest
from pyroute2 import AsyncIPRoute

from operators.node_agent.addresses import DeviceError
from operators.node_agent.devices import Devices, link_ups
from tests.netns.conftest import NEIGHBOUR6, NODE
from tests.netns.namespace import inside, set_sysctl

pytestmark = pytest.mark.root
BOTH = ("10.1.0.50", "fd00:1::50")


async def ours() -> set[str]:
    async with Devices() as devices:
        return {one.address for one in (await devices.look()).held if one.ours}


async def add(*addresses: str) -> None:
    async with Devices() as devices:
        uplink = (await devices.look()).carrying(NODE)
        for address in addresses:
            await devices.add(uplink, address)


async def test_an_address_is_assigned_and_found_by_another_process_later(wire):
    await add(*BOTH)

    assert await ours() == set(BOTH)


async def test_the_uplink_is_the_device_of_the_nodes_address(wire):
    async with Devices() as devices:
        node = await devices.look()

    assert node.carrying(NODE).name == "up0"
    assert node.carrying(NODE).up
    assert len(node.carrying(NODE).hardware) == 6
    assert node.carrying("10.9.9.9") is None


async def test_twice_is_as_once(wire):
    await add(*BOTH, *BOTH)
    async with Devices() as devices:
        held = [one for one in (await devices.look()).held if one.ours]
        for one in held + held:
            await devices.remove(one)

    assert await ours() == set()


async def test_what_someone_else_assigned_is_not_ours(wire):
    async with AsyncIPRoute() as netlink:
        (index,) = await netlink.link_lookup(ifname="up0")
        await netlink.addr("add", index=index, address="10.1.0.50", prefixlen=32)
        await netlink.addr("add", index=index, address="10.1.0.51", prefixlen=32, IFA_RT_PRIORITY=100)

    assert await ours() == set()


async def test_the_node_never_sends_from_an_ipv6_address_of_ours(wire):
    await add("fd00:1::3")  # nearest to the neighbour: would be chosen
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.connect((NEIGHBOUR6, 9))

        assert udp.getsockname()[0] == "fd00:1::1"


async def test_a_refusal_of_the_kernel_is_told(wire):
    set_sysctl("net.ipv6.conf.up0.disable_ipv6", 1)
    with pytest.raises(DeviceError, match="the kernel refuses to add it"):
        await add("fd00:1::50")


async def test_an_address_of_a_device_that_is_gone_is_removed_already(wire):
    await add(*BOTH)
    async with Devices() as devices, AsyncIPRoute() as netlink:
        held = [one for one in (await devices.look()).held if one.ours]
        await netlink.link("del", index=held[0].device.index)
        for one in held:
            await devices.remove(one)


async def test_a_device_that_comes_up_is_noticed(wire):
    with inside(wire.neighbour):
        neighbour = await AsyncIPRoute().__aenter__()
        (index,) = await neighbour.link_lookup(ifname="peer0")
    watching = link_ups()
    noticed = asyncio.ensure_future(anext(watching))
    async with asyncio.timeout(20):
        while not noticed.done():  # once it watches
            for state in ("down", "up"):
                await neighbour.link("set", index=index, state=state)
                # the kernel tells of links once a second, and only how they are then
                await asyncio.wait({noticed}, timeout=1.1)
    await neighbour.__aexit__(None, None, None)
    await watching.aclose()

    assert noticed.result().name == "up0"
