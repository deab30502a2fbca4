"""A node without a kernel: devices and addresses in lists, with refusals on demand; what was announced."""

from dataclasses import replace

from operators.node_agent.addresses import Device, DeviceError, Held, Node
from operators.node_api.node_pb2 import Address

ETH0 = Device(2, "eth0", b"\x02\0\0\0\0\x01", True)
ETH1 = Device(3, "eth1", b"\x02\0\0\0\0\x02", True)
OWN = "10.0.0.1"


class FakeKernel:
    def __init__(self, *held: Held) -> None:
        self.devices = (ETH0, ETH1)
        self.held = [Held(OWN, ETH0, False), *held]
        self.calls: list[str] = []
        self.refuses: set[str] = set()

    async def look(self) -> Node:
        return Node(self.devices, tuple(self.held))

    async def add(self, device, address) -> None:
        self._check(f"add {address} {device.name}", address)
        self.held.append(Held(address, device, True))

    async def remove(self, held) -> None:
        self._check(f"remove {held.address} {held.device.name}", held.address)
        self.held.remove(held)

    def _check(self, call: str, address: str) -> None:
        self.calls.append(call)
        if address in self.refuses:
            raise DeviceError("the kernel refuses")

    @property
    def ours(self) -> dict[str, str]:
        return {one.address: one.device.name for one in self.held if one.ours}

    def lose(self, address: str) -> None:
        """Someone else removes it."""
        self.held = [one for one in self.held if one.address != address]


class Announcements:
    def __init__(self) -> None:
        self.made: list[str] = []
        self.forgotten: list[str] = []

    def announce(self, device, address) -> None:
        self.made.append(f"{address} {device.name}")

    def forget(self, address) -> None:
        self.forgotten.append(address)


def wanted(*addresses: str, interface: str = "") -> dict[str, Address]:
    return {one: Address(address=one, interface=interface, owner="shared") for one in addresses}


def ours(address: str, device: Device = ETH0) -> Held:
    return Held(address, device, True)


def foreign(address: str, device: Device = ETH1) -> Held:
    return replace(ours(address, device), ours=False)
