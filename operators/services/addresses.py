"""Addresses and prefixes as the API lets them through → as everything else compares them."""

import ipaddress

from operators.ir.services import Family

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str) -> Address | None:
    """None where it is no address. As Kubernetes reads them: leading zeros count for nothing, IPv4 inside IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(_without_zeros(text))
    except ValueError:
        return None
    if getattr(address, "scope_id", None):  # an interface's name is no part of an address here
        return None
    return getattr(address, "ipv4_mapped", None) or address


def canonical(text: str, family: Family) -> str | None:
    """The address as it is compared; None where it is none of this family."""
    address = address_of(text)
    return str(address) if address is not None and family_of(address) is family else None


def family_of(address: Address) -> Family:
    return Family.IPV4 if address.version == 4 else Family.IPV6


def is_special(address: Address) -> bool:
    """What no Service can take: it would lead away from what every node has there of its own."""
    return address.is_unspecified or address.is_loopback or address.is_link_local or address.is_multicast


def prefix_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Host bits and spaces around it count for nothing; None where it is no prefix."""
    address, _, length = text.strip().partition("/")
    if not length.isdecimal():
        return None
    try:
        return ipaddress.ip_network(f"{_without_zeros(address)}/{length}", strict=False)
    except ValueError:
        return None


def _without_zeros(text: str) -> str:
    if ":" in text or "." not in text:
        return text
    return ".".join(part.lstrip("0") or "0" for part in text.split("."))
