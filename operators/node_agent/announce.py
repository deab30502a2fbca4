"""Announces addresses on the wire: a few times after they were assigned, and again when their device comes up."""

import asyncio
import socket
from collections.abc import Callable, Sequence

import structlog

from operators.node_agent.addresses import Device
from operators.node_agent.packets import announcements

log = structlog.get_logger("announce")

Send = Callable[[str, bytes], None]


class Announcer:
    """`delays` in seconds: one announcement each."""

    def __init__(self, delays: Sequence[float], send: Send) -> None:
        self._delays = tuple(delays)
        self._send = send
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}

    def announce(self, device: Device, address: str) -> None:
        """Returns at once."""
        self.forget(address)
        if len(device.hardware) != 6 or not any(device.hardware):
            return  # no Ethernet: nobody asks who has it
        loop = asyncio.get_running_loop()
        self._timers[address] = [loop.call_later(delay, self._once, device, address) for delay in self._delays]

    def forget(self, address: str) -> None:
        """Another node has it from now on."""
        for timer in self._timers.pop(address, ()):
            timer.cancel()

    def _once(self, device: Device, address: str) -> None:
        try:
            for frame in announcements(address, device.hardware):
                self._send(device.name, frame)
        except OSError as error:  # the device is down or gone; when it comes up, we announce again
            log.warning("not announced", address=address, device=device.name, error=str(error))
        else:
            log.info("announced", address=address, device=device.name)


def send(device: str, frame: bytes) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0))
        raw.send(frame)
