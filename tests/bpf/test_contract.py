"""One contract for maps: of the kernel, and of the fake that stands for it in other tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.build import ensure
from bpf.fake import FakeMap
from bpf.kernel import Kernel, Map, MapFullError
from bpf.maps.services import BACKEND, SLOT_KEY
from tests.bpf.bpffs import mounted


@pytest.fixture(params=["fake", pytest.param("kernel", marks=pytest.mark.root)])
def slots(request, tmp_path: Path) -> Iterator[Map]:
    if request.param == "fake":
        yield FakeMap(SLOT_KEY.size, BACKEND.size, 524_288)
        return
    with mounted(tmp_path / "bpf") as root:
        kernel = Kernel(root / "tulle")
        kernel.load(ensure() / "connect.o")
        yield kernel.map("slots", SLOT_KEY.size, BACKEND.size)
        kernel.cleanup()


def key(slot: int) -> bytes:
    return SLOT_KEY.pack(service=7, slot=slot)


def value(number: int) -> bytes:
    return number.to_bytes(BACKEND.size, "big")


def test_what_is_put_is_there_and_may_be_put_again(slots: Map):
    assert slots.get(key(1)) is None
    slots.put({key(1): value(1), key(2): value(2)})
    slots.put({key(1): value(9)})

    assert slots.get(key(1)) == value(9)
    assert dict(slots.items()) == {key(1): value(9), key(2): value(2)}


def test_what_is_deleted_is_gone_and_may_be_deleted_again(slots: Map):
    slots.put({key(1): value(1), key(2): value(2)})
    for _ in range(2):
        slots.delete([key(1), key(3)])

    assert dict(slots.items()) == {key(2): value(2)}


def test_more_than_one_batch(slots: Map):
    entries = {key(number): value(number) for number in range(10_000)}
    slots.put(entries)

    assert dict(slots.items()) == entries


def test_a_full_map_says_so_and_keeps_what_it_has(slots: Map):
    slots.put({key(number): value(1) for number in range(524_288)})
    with pytest.raises(MapFullError):
        slots.put({key(600_000): value(2)})
    slots.put({key(0): value(3)})

    assert slots.get(key(0)) == value(3)
    assert slots.get(key(524_287)) == value(1)


@pytest.mark.parametrize(
    ("bad_key", "bad_value"), [(b"short", value(1)), (key(1), b"short"), (key(1) + b"x", value(1))]
)
def test_sizes_are_exact(slots: Map, bad_key: bytes, bad_value: bytes):
    with pytest.raises(ValueError, match="8 bytes"):
        slots.put({bad_key: bad_value})
