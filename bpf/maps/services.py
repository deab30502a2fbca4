"""Entries of the maps of service load balancing: `frontends` and `slots`, and what the programs write beside them."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from bpf.diff import Entries
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
AFFINITY = Layout("affinity", (Field("last_ns", "Q"), Field("backend", "I"), Field("padding", "4s")))
MEMBER_KEY = Layout("member_key", (Field("service", "I"), Field("backend", "I")))


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
    """An address that clients use."""

    address: Address
    port: int
    protocol: Protocol
    scope: Scope = Scope.CLUSTER

    def key(self) -> bytes:
        return FRONTEND_KEY.pack(
            address=address_bytes(self.address), port=port_bytes(self.port), protocol=self.protocol, scope=self.scope
        )


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a service is served. `number` is not 0 and stays the backend's own while others come and go."""

    address: Address
    port: int
    number: int

    def value(self) -> bytes:
        return BACKEND.pack(address=address_bytes(self.address), port=port_bytes(self.port), id=self.number)


@dataclass(frozen=True, slots=True)
class Service:
    """All frontends that choose among the same backends. `number` is not 0; `affinity_seconds` 0: none."""

    number: int
    frontends: tuple[Frontend, ...]
    backends: tuple[Backend, ...]
    affinity_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ServiceEntries:
    """By map."""

    frontends: Entries = field(default_factory=dict)
    slots: Entries = field(default_factory=dict)
    members: Entries = field(default_factory=dict)


def entries(service: Service) -> ServiceEntries:
    """What the maps must hold of a service."""
    flags = ServiceFlag.AFFINITY if service.affinity_seconds else ServiceFlag(0)
    value = FRONTEND.pack(
        service=service.number,
        count=len(service.backends),
        flags=flags,
        affinity_seconds=service.affinity_seconds,
    )
    slots = {SLOT_KEY.pack(service=service.number, slot=at): one.value() for at, one in enumerate(service.backends)}
    members = {
        MEMBER_KEY.pack(service=service.number, backend=one.number): one.value()
        for one in (service.backends if service.affinity_seconds else ())
    }
    return ServiceEntries({one.key(): value for one in service.frontends}, slots, members)


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
