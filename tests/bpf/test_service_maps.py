"""Services are changed under the eyes of clients: at every step each finds a backend of before or after."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.fake import FakeMap
from bpf.kernel import MapFullError
from bpf.maps.services import (
    BACKEND,
    FRONTEND,
    FRONTEND_KEY,
    MEMBER_KEY,
    SLOT_KEY,
    Backend,
    Frontend,
    Protocol,
    Service,
    ServiceEntries,
    entries,
    show_frontend,
    show_slot,
)
from bpf.service_maps import ServiceMaps


class Watched(FakeMap):
    """Writes one entry at a time and lets somebody look after each."""

    def __init__(self, key_size: int, value_size: int, max_entries: int, look: Callable[[], None]) -> None:
        super().__init__(key_size, value_size, max_entries)
        self._look = look

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        for key, value in entries.items():
            super().put({key: value})
            self._look()

    def delete(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            super().delete([key])
            self._look()


class World:
    def __init__(self, room: int = 1000) -> None:
        self.look: Callable[[], None] | None = None
        self.frontends = Watched(FRONTEND_KEY.size, FRONTEND.size, room, self._look)
        self.slots = Watched(SLOT_KEY.size, BACKEND.size, room, self._look)
        self.members = Watched(MEMBER_KEY.size, BACKEND.size, room, self._look)
        self.maps = ServiceMaps(self.frontends, self.slots, self.members)

    def _look(self) -> None:
        if self.look:
            self.look()

    def backends(self, frontend: Frontend) -> list[bytes | None] | None:
        """What a client could be given; None where the address is no service."""
        found = self.frontends.get(frontend.key())
        if found is None:
            return None
        head = FRONTEND.unpack(found)
        keys = [SLOT_KEY.pack(service=head.number("service"), slot=at) for at in range(head.number("count"))]
        return [self.slots.get(key) for key in keys]


def frontend(number: int) -> Frontend:
    return Frontend(IPv4Address("10.96.0.0") + number, 80, Protocol.TCP)


def backend(number: int) -> Backend:
    return Backend(IPv4Address("10.1.0.0") + number, 8080, number)


numbers = st.sets(st.integers(1, 6), max_size=5)
services = st.builds(
    lambda fronts, backs, affinity: Service(
        7, tuple(map(frontend, sorted(fronts))), tuple(map(backend, sorted(backs))), affinity
    ),
    numbers,
    numbers,
    st.sampled_from([0, 600]),
)


@given(services, services)
def test_a_client_always_finds_a_backend_of_before_or_after(before: Service, after: Service):
    world = World()
    old, new = entries(before), entries(after)
    world.maps.change(ServiceEntries(), old)
    known = {one.value() for one in (*before.backends, *after.backends)}

    def look() -> None:
        for one in set(before.frontends) & set(after.frontends):
            found = world.backends(one)
            assert found is not None
            assert set(found) <= known
            assert found or not (before.backends and after.backends)

    world.look = look
    world.maps.change(old, new)

    assert world.maps.read() == new


@given(services)
def test_the_same_again_changes_nothing(service: Service):
    world = World()
    wanted = entries(service)
    world.maps.change(ServiceEntries(), wanted)
    assert world.maps.change(wanted, wanted) == 0


@given(services, services, st.integers(0, 12))
def test_what_does_not_fit_leaves_all_as_it_was(before: Service, after: Service, room: int):
    world = World(room)
    old = entries(before)
    try:
        world.maps.change(ServiceEntries(), old)
    except MapFullError:
        assert world.maps.read() == ServiceEntries()
        return
    try:
        world.maps.change(old, entries(after))
    except MapFullError:
        assert world.maps.read() == old
    else:
        assert world.maps.read() == entries(after)


def test_entries_in_words():
    wanted = entries(Service(7, (frontend(1),), (backend(2),)))
    assert [show_frontend(*one) for one in wanted.frontends.items()] == [
        "TCP 10.96.0.1:80 cluster -> service 7, 1 backends"
    ]
    assert [show_slot(*one) for one in wanted.slots.items()] == ["service 7 slot 0 -> 10.1.0.2:8080, backend 2"]


@pytest.mark.parametrize("affinity", [0, 60])
def test_members_are_kept_only_for_affinity(affinity: int):
    wanted = entries(Service(7, (frontend(1),), (backend(2),), affinity))
    assert len(wanted.members) == bool(affinity)
