"""When announcements are made: at their times, not after an address left, not where there is no Ethernet."""

import asyncio
from dataclasses import replace

from operators.node_agent.announce import Announcer
from tests.agent.kernels import ETH0

DELAYS = (0.0, 0.01, 0.02)


class Wire:
    def __init__(self, until: int = 0) -> None:
        self.sent: list[str] = []
        self.done = asyncio.Event()
        self._until = until

    def send(self, device, frame) -> None:
        self.sent.append(device)
        if len(self.sent) == self._until:
            self.done.set()


async def test_an_address_is_announced_three_times():
    wire = Wire(6)
    Announcer(DELAYS, wire.send).announce(ETH0, "10.0.0.50")
    async with asyncio.timeout(20):
        await wire.done.wait()

    assert wire.sent == ["eth0"] * 6


async def test_an_address_that_left_is_not_announced_any_more():
    wire = Wire(2)
    announcer = Announcer((0.0, 0.01), wire.send)
    announcer.announce(ETH0, "10.0.0.50")
    announcer.announce(ETH0, "10.0.0.51")
    announcer.forget("10.0.0.50")
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()
    loop.call_later(0.02, finished.set)
    await finished.wait()

    assert len(wire.sent) == 4


async def test_a_device_without_ethernet_is_left_alone():
    wire = Wire()
    announcer = Announcer((0.0,), wire.send)
    announcer.announce(replace(ETH0, hardware=b""), "10.0.0.50")
    announcer.announce(replace(ETH0, hardware=bytes(6)), "10.0.0.50")

    assert not announcer._timers


async def test_a_device_that_is_gone_is_no_error():
    tried = asyncio.Event()

    def send(device, frame):
        tried.set()
        raise OSError("no such device")

    Announcer((0.0,), send).announce(ETH0, "10.0.0.50")
    async with asyncio.timeout(20):
        await tried.wait()
