"""Entries of the maps of service load balancing: `frontends` and `slots`, and what the programs write beside them."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from bpf.maps.layout import Address, Field, Layout, Unpacked, address_bytes, address_of, port_bytes, port_of

FRONTEND_KEY = Layout(
    "frontend_key", (Field("address", "16s"), Field("port", "2s"), Field("protocol", "B"), Field("scope", "B"))
)
FRONTEND = Layout(
    "frontend", (Field("service", "I"), Field("count", "I"), Field("flags", "I"), Field("affinity_seconds", "I"))
)
SLOT_KEY = Layout("slot_key", (Field("service", "I"), Field("slot", "I")))
BACKEND = Layout("backend", (Field("address", "16s"), Field("port", "2s"), Field("padding", "2s"), Field("id", "I")))
ORIGINAL_KEY = Layout(
    "original_key", (Field("cookie", "Q"), Field("address", "16s"), Field("port", "2s"), Field("padding", "6s"))
)
ORIGINAL = Layout(
    "original",
    (
        Field("address", "16s"),
        Field("port", "2s"),
        Field("padding", "2s"),
        Field("service", "I"),
        Field("backend", "I"),
        Field("padding_end", "4s"),
    ),
)
AFFINITY_KEY = Layout("affinity_key", (Field("netns", "Q"), Field("service", "I"), Field("padding", "4s")))
AFFINITY = Layout("affinity", (Field("last_ns", "Q"), Field("backend", "I"), Field("slot", "I")))


class Protocol(IntEnum):
    """IANA's numbers."""

    TCP = 6
    UDP = 17


class Scope(IntEnum):
    CLUSTER = 0
    EXTERNAL = 1


class ServiceFlag(IntFlag):
    AFFINITY = 1


class Counter(IntEnum):
    TRANSLATED = 0
    REFUSED = 1
    NO_SLOT = 2
    MAP_FULL = 3


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address that clients use, and the service whose slots serve it. `affinity_seconds` 0: none."""

    address: Address
    port: int
    protocol: Protocol
    service: int
    count: int
    affinity_seconds: int = 0
    scope: Scope = Scope.CLUSTER

    def entry(self) -> tuple[bytes, bytes]:
        key = FRONTEND_KEY.pack(
            address=address_bytes(self.address), port=port_bytes(self.port), protocol=self.protocol, scope=self.scope
        )
        flags = ServiceFlag.AFFINITY if self.affinity_seconds else ServiceFlag(0)
        value = FRONTEND.pack(
            service=self.service, count=self.count, flags=flags, affinity_seconds=self.affinity_seconds
        )
        return key, value


@dataclass(frozen=True, slots=True)
class Slot:
    """One backend of a service. `backend` is the backend's number, which it keeps while slots move."""

    service: int
    slot: int
    address: Address
    port: int
    backend: int

    def entry(self) -> tuple[bytes, bytes]:
        key = SLOT_KEY.pack(service=self.service, slot=self.slot)
        return key, BACKEND.pack(address=address_bytes(self.address), port=port_bytes(self.port), id=self.backend)


def show_frontend(key: bytes, value: bytes) -> str:
    """An entry in words."""
    asked, found = FRONTEND_KEY.unpack(key), FRONTEND.unpack(value)
    what = f"{Protocol(asked.number('protocol')).name} {_where(asked)} {Scope(asked.number('scope')).name.lower()}"
    return f"{what} -> service {found.number('service')}, {found.number('count')} backends"


def show_slot(key: bytes, value: bytes) -> str:
    asked, found = SLOT_KEY.unpack(key), BACKEND.unpack(value)
    what = f"service {asked.number('service')} slot {asked.number('slot')}"
    return f"{what} -> {_where(found)}, backend {found.number('id')}"


def _where(found: Unpacked) -> str:
    address, port = address_of(found.data("address")), port_of(found.data("port"))
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
