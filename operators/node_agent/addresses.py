"""What a node should hold against what it holds → what to do, and what cannot be done. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from operators.node_api.node_pb2 import Address


class DeviceError(Exception):
    """The kernel refuses; the message is for people."""


@dataclass(frozen=True, slots=True)
class Device:
    index: int
    name: str
    hardware: bytes  # six bytes where it is Ethernet
    up: bool


@dataclass(frozen=True, slots=True)
class Held:
    """An address on a device; `ours`: we put it there, now or in an earlier life."""

    address: str
    device: Device
    ours: bool


@dataclass(frozen=True, slots=True)
class Node:
    """One look at the kernel."""

    devices: tuple[Device, ...]
    held: tuple[Held, ...]

    def named(self, name: str) -> Device | None:
        return next((one for one in self.devices if one.name == name), None)

    def carrying(self, address: str) -> Device | None:
        return next((one.device for one in self.held if one.address == address and not one.ours), None)


@dataclass(frozen=True, slots=True)
class Add:
    name: str  # of the resource
    address: str
    device: Device


@dataclass(frozen=True, slots=True)
class Plan:
    """Adds come first, so that an address that moves between devices is never gone. `kept` are there as they should be."""

    adds: tuple[Add, ...]
    removes: tuple[Held, ...]
    kept: tuple[Add, ...]
    problems: Mapping[str, str]


def plan(wanted: Mapping[str, Address], node: Node, own: str, *, prune: bool) -> Plan:
    """`own` is the node's address, which says where the uplink is. Without `prune`, addresses that nobody wants stay."""
    found: dict[str, Add] = {}
    problems: dict[str, str] = {}
    for name, one in sorted(wanted.items()):
        result = _place(name, one, node, own)
        if isinstance(result, str):
            problems[name] = result
        else:
            found[name] = result
    there = {(one.address, one.device.index): one for one in node.held if one.ours}
    places = {(one.address, one.device.index) for one in found.values()}
    placed = {one.address for one in found.values()}
    unplaced = {_text(wanted[name].address) for name in problems}  # left as they are until they can be placed
    return Plan(
        tuple(one for one in found.values() if (one.address, one.device.index) not in there),
        tuple(
            one
            for key, one in there.items()
            if key not in places and one.address not in unplaced and (prune or one.address in placed)
        ),
        tuple(one for one in found.values() if (one.address, one.device.index) in there),
        problems,
    )


def _place(name: str, wanted: Address, node: Node, own: str) -> Add | str:
    """Where it goes, or why it cannot be held."""
    try:
        address = str(ip_address(wanted.address))
    except ValueError:
        return f"{wanted.address!r} is not an IP address"
    other = next((one for one in node.held if one.address == address and not one.ours), None)
    if other:
        return f"{address} is on {other.device.name} of this node already, and Tulle did not put it there"
    device = node.named(wanted.interface) if wanted.interface else node.carrying(own)
    if device is None and wanted.interface:
        return f"this node has no device {wanted.interface}"
    if device is None:
        return f"no device of this node carries its address {own or '(which is not known)'}"
    return Add(name, address, device)


def _text(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address
