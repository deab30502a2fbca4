"""Announcements of an address, as Ethernet frames: who has heard of it before must learn where it is now. No I/O."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

BROADCAST = b"\xff" * 6
ALL_NODES = IPv6Address("ff02::1").packed
ALL_NODES_HARDWARE = b"\x33\x33\x00\x00\x00\x01"
ARP, IPV6 = 0x0806, 0x86DD
REQUEST, REPLY = 1, 2
ICMPV6, NEIGHBOUR_ADVERTISEMENT, OVERRIDE, TARGET_HARDWARE = 58, 136, 0x20000000, 2
HOP_LIMIT = 255


def announcements(address: str, hardware: bytes) -> list[bytes]:
    """For IPv4 as a request and as a reply, since some listen to one of them only."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return [_neighbour_advertisement(parsed, hardware)]
    return [_arp(parsed, hardware, operation) for operation in (REQUEST, REPLY)]


def _ethernet(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    return destination + source + struct.pack("!H", kind) + payload


def _arp(address: IPv4Address, hardware: bytes, operation: int) -> bytes:
    """RFC 5227: sender and target are the same address."""
    head = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    target = BROADCAST if operation == REPLY else bytes(6)
    return _ethernet(BROADCAST, hardware, ARP, head + hardware + address.packed + target + address.packed)


def _neighbour_advertisement(address: IPv6Address, hardware: bytes) -> bytes:
    """RFC 4861, unsolicited, and it overrides what is known."""
    option = struct.pack("!BB", TARGET_HARDWARE, 1) + hardware
    body = struct.pack("!I", OVERRIDE) + address.packed + option
    checksum = _checksum(
        _pseudo_header(address, 4 + len(body)) + struct.pack("!BBH", NEIGHBOUR_ADVERTISEMENT, 0, 0) + body
    )
    message = struct.pack("!BBH", NEIGHBOUR_ADVERTISEMENT, 0, checksum) + body
    packet = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, HOP_LIMIT) + address.packed + ALL_NODES + message
    return _ethernet(ALL_NODES_HARDWARE, hardware, IPV6, packet)


def _pseudo_header(source: IPv6Address, length: int) -> bytes:
    return source.packed + ALL_NODES + struct.pack("!II", length, ICMPV6)


def _checksum(data: bytes) -> int:
    """RFC 1071; the data has an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
