"""A C struct of `abi.h` as Python sees it."""

import ipaddress
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Field:
    """`code` is that of the struct module; a field whose name begins with `padding` is always zero and not given."""

    name: str
    code: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Fields in order, without gaps: padding is explicit in `abi.h`. Numbers are the host's; what is network order is bytes."""

    name: str
    fields: tuple[Field, ...]
    _struct: struct.Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_struct", struct.Struct("=" + "".join(one.code for one in self.fields)))

    @property
    def size(self) -> int:
        return self._struct.size

    def offsets(self) -> dict[str, int]:
        """By field, in bytes."""
        found, at = {}, 0
        for one in self.fields:
            found[one.name] = at
            at += struct.calcsize("=" + one.code)
        return found

    def pack(self, **values: int | bytes) -> bytes:
        """Raises KeyError for a field that is missing, struct.error for a value that does not fit."""
        return self._struct.pack(*(_zero(one) if _is_padding(one) else values[one.name] for one in self.fields))

    def unpack(self, data: bytes) -> "Unpacked":
        found = zip(self.fields, self._struct.unpack(data), strict=True)
        return Unpacked({one.name: value for one, value in found if not _is_padding(one)})


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The values of a struct by field: numbers, and bytes where they are in network order."""

    values: Mapping[str, int | bytes]

    def number(self, name: str) -> int:
        value = self.values[name]
        if isinstance(value, bytes):
            raise TypeError(f"{name} is bytes")
        return value

    def data(self, name: str) -> bytes:
        value = self.values[name]
        if isinstance(value, int):
            raise TypeError(f"{name} is a number")
        return value


def _is_padding(one: Field) -> bool:
    return one.name.startswith("padding")


def _zero(one: Field) -> int | bytes:
    return b"" if one.code.endswith("s") else 0


def address_bytes(address: Address) -> bytes:
    """Sixteen bytes; IPv4 as an IPv4-mapped address."""
    return _MAPPED + address.packed if address.version == 4 else address.packed


def address_of(data: bytes) -> Address:
    """The inverse of `address_bytes`."""
    return ipaddress.IPv4Address(data[12:]) if data.startswith(_MAPPED) else ipaddress.IPv6Address(data)


def port_bytes(port: int) -> bytes:
    """Network order."""
    return port.to_bytes(2, "big")


def port_of(data: bytes) -> int:
    return int.from_bytes(data, "big")
