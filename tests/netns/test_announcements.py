"""What a neighbour sees and believes when an address is announced."""

import asyncio
import socket

import pytest
from pyroute2 import AsyncIPRoute

from operators.node_agent.announce import Announcer, send
from operators.node_agent.devices import Devices
from operators.node_agent.packets import announcements
from tests.netns.conftest import NODE
from tests.netns.namespace import inside

pytestmark = pytest.mark.root
ALL = 0x0003
STALE = "02:00:00:00:00:99"
NUD_REACHABLE = 0x02


async def announce(address: str) -> bytes:
    """From the node; returns its hardware address."""
    async with Devices() as devices:
        uplink = (await devices.look()).carrying(NODE)
    announcer = Announcer((0.0, 0.01, 0.02), send)
    announcer.announce(uplink, address)
    return uplink.hardware


@pytest.mark.parametrize("address", ["10.1.0.50", "fd00:1::50"])
async def test_a_neighbour_sees_three_announcements(wire, address):
    loop = asyncio.get_running_loop()
    with inside(wire.neighbour):
        listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        listening.bind(("peer0", ALL))
    listening.setblocking(False)
    with listening:
        hardware = await announce(address)
        expected = announcements(address, hardware) * 3
        seen = []
        async with asyncio.timeout(20):
            while len(seen) < len(expected):
                frame = await loop.sock_recv(listening, 2000)
                if frame in expected:
                    seen.append(frame)

    assert seen == expected


@pytest.mark.parametrize("address", ["10.1.0.50", "fd00:1::50"])
async def test_a_neighbour_that_knew_it_elsewhere_finds_it_here(wire, address):
    with inside(wire.neighbour):
        neighbour = await AsyncIPRoute().__aenter__()
        await neighbour.bind(groups=0x4)  # neighbours
    (index,) = await neighbour.link_lookup(ifname="peer0")
    await neighbour.neigh("replace", dst=address, lladdr=STALE, ifindex=index, state=NUD_REACHABLE)
    hardware = await announce(address)
    async with asyncio.timeout(20):
        while await known(neighbour, address) != hardware.hex(":"):
            async for _ in neighbour.get():
                break
    await neighbour.__aexit__(None, None, None)


async def known(neighbour, address: str) -> str:
    entries = [one async for one in await neighbour.get_neighbours() if one.get_attr("NDA_DST") == address]
    return entries[0].get_attr("NDA_LLADDR")
