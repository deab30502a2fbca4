"""Maps over dictionaries, for tests of what writes them."""

import errno
from collections.abc import Iterable, Iterator, Mapping

from bpf.kernel import MapFullError


class FakeMap:
    """As the kernel's hash maps: a fixed number of entries, keys and values of fixed sizes."""

    def __init__(self, key_size: int, value_size: int, max_entries: int) -> None:
        self.key_size = key_size
        self.value_size = value_size
        self._max_entries = max_entries
        self._entries: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        self._check(key)
        return self._entries.get(key)

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        for key, value in entries.items():
            self._check(key, value)
        for key, value in entries.items():
            if key not in self._entries and len(self._entries) == self._max_entries:
                raise MapFullError(errno.E2BIG, "the map is full")
            self._entries[key] = value

    def delete(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._check(key)
            self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self._entries.items()))

    def _check(self, key: bytes, value: bytes | None = None) -> None:
        if len(key) != self.key_size or (value is not None and len(value) != self.value_size):
            raise ValueError(f"a key has {self.key_size} bytes and a value {self.value_size}")
