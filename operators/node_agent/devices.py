"""The node's network devices and addresses, by netlink. Nothing else in Tulle speaks netlink.

Addresses of ours carry a mark that the kernel keeps: the metric, which means nothing for a single address. So they are found
again after a crash, and nothing that someone else assigned is ever touched.
"""

import socket
from collections.abc import AsyncIterator
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from operators.node_agent.addresses import Device, DeviceError, Held, Node

MARK = 0x74756C6C  # "tull"
NO_DETECTION, NO_ROUTE = 0x02, 0x200  # IFA_F_NODAD: who held it before may still answer; IFA_F_NOPREFIXROUTE
FOREVER = 0xFFFFFFFF
EXISTS, NOT_THERE, NO_DEVICE = 17, 99, 19
INTERRUPTED = 0x10  # NLM_F_DUMP_INTR: something changed meanwhile, and the answer may lack what did not
GROUP_LINK = 1
UP = 0x1


class Devices:
    """Use as a context."""

    def __init__(self) -> None:
        self._netlink = AsyncIPRoute()

    async def __aenter__(self) -> Self:
        await self._netlink.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._netlink.__aexit__(kind, error, trace)

    async def look(self) -> Node:
        while True:
            links = [link async for link in await self._netlink.get_links()]
            entries = [entry async for entry in await self._netlink.get_addr()]
            if not any(one["header"]["flags"] & INTERRUPTED for one in (*links, *entries)):
                break
        devices = {one.index: one for one in map(_device, links)}
        held = (_held(entry, devices) for entry in entries)
        return Node(tuple(devices.values()), tuple(one for one in held if one))

    async def add(self, device: Device, address: str) -> None:
        """No error if it is there: another round was faster."""
        await self._change("add", device.index, address, EXISTS, _extra(address))

    async def remove(self, held: Held) -> None:
        await self._change("del", held.device.index, held.address, NOT_THERE, {})

    async def _change(self, command: str, index: int, address: str, fine: int, extra: dict[str, Any]) -> None:
        length = ip_address(address).max_prefixlen
        try:
            await self._netlink.addr(command, index=index, address=address, prefixlen=length, **extra)
        except NetlinkError as error:
            gone = command == "del" and error.code == NO_DEVICE
            if error.code != fine and not gone:
                raise DeviceError(f"the kernel refuses to {command} it: {error.args[-1]}") from error


async def link_ups() -> AsyncIterator[Device]:
    """Devices that come up, from now on."""
    async with AsyncIPRoute() as events, Devices() as devices:
        await events.bind(groups=GROUP_LINK)
        up = {one.index for one in (await devices.look()).devices if one.up}
        while True:
            async for event in events.get():
                if event["event"] not in ("RTM_NEWLINK", "RTM_DELLINK"):
                    continue
                device = _device(event)
                came = event["event"] == "RTM_NEWLINK" and device.up and device.index not in up
                (up.add if device.up else up.discard)(device.index)
                if came:
                    yield device


def _extra(address: str) -> dict[str, Any]:
    """An IPv6 address is deprecated from the start: valid for who connects, never chosen for what the node itself sends."""
    marked: dict[str, Any] = {"IFA_RT_PRIORITY": MARK}
    if isinstance(ip_address(address), IPv6Address):
        marked["IFA_FLAGS"] = NO_DETECTION | NO_ROUTE
        marked["IFA_CACHEINFO"] = {"ifa_preferred": 0, "ifa_valid": FOREVER}
    return marked


def _device(link: Any) -> Device:
    hardware = link.get_attr("IFLA_ADDRESS") or ""
    up = bool(link["flags"] & UP) and link.get_attr("IFLA_OPERSTATE") in ("UP", "UNKNOWN")
    return Device(link["index"], link.get_attr("IFLA_IFNAME"), bytes.fromhex(hardware.replace(":", "")), up)


def _held(entry: Any, devices: dict[int, Device]) -> Held | None:
    """None for an entry of a device that came between the two looks, and of families that are not ours."""
    device = devices.get(entry["index"])
    address = entry.get_attr("IFA_LOCAL") or entry.get_attr("IFA_ADDRESS")
    if device is None or address is None or entry["family"] not in (socket.AF_INET, socket.AF_INET6):
        return None
    whole = entry["prefixlen"] == ip_address(address).max_prefixlen
    return Held(address, device, ours=whole and entry.get_attr("IFA_RT_PRIORITY") == MARK)
