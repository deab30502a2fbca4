"""One interface to maps and links: `fake.py` has the same over dictionaries, and one contract test holds both to it.

Keys and values are bytes of the exact size. Every call may block for milliseconds (a load for a tenth of a second): callers in
an event loop use a thread.
"""

import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

from bpf import syscalls
from bpf.libbpf import LoadError, Object
from bpf.syscalls import AttachType

__all__ = ["AttachType", "Kernel", "KernelMap", "LoadError", "Map", "MapFullError"]

BATCH = 4096


class MapFullError(OSError):
    """No room for a new entry; those that were there are untouched."""


class Map(Protocol):
    """Entries by key. Writing one that is there replaces it; deleting one that is not is fine."""

    key_size: int
    value_size: int

    def get(self, key: bytes) -> bytes | None: ...
    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Raises MapFullError; some of the entries may be written then."""

    def delete(self, keys: Iterable[bytes]) -> None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...


class KernelMap:
    def __init__(self, fd: int, key_size: int, value_size: int) -> None:
        self._fd = fd
        self.key_size = key_size
        self.value_size = value_size

    def get(self, key: bytes) -> bytes | None:
        self._check(key)
        try:
            return syscalls.map_lookup(self._fd, key, self.value_size)
        except FileNotFoundError:
            return None

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        for key, value in entries.items():
            self._check(key, value)
        listed = list(entries)
        for at in range(0, len(listed), BATCH):
            part = listed[at : at + BATCH]
            try:
                syscalls.map_update_batch(self._fd, b"".join(part), b"".join(entries[key] for key in part), len(part))
            except OSError as error:
                if error.errno in (errno.E2BIG, errno.ENOMEM):
                    raise MapFullError(error.errno, str(error)) from error
                raise

    def delete(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._check(key)
            try:
                syscalls.map_delete(self._fd, key)
            except FileNotFoundError:
                continue

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return syscalls.map_entries(self._fd, self.key_size, self.value_size)

    def _check(self, key: bytes, value: bytes | None = None) -> None:
        if len(key) != self.key_size or (value is not None and len(value) != self.value_size):
            raise ValueError(f"a key has {self.key_size} bytes and a value {self.value_size}")


class Kernel:
    """Objects, maps and links of one node, pinned in a folder `root` on a BPF file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects: dict[str, Object] = {}

    def load(self, path: Path, constants: Mapping[str, bytes] | None = None) -> None:
        """Replaces an object of the same name that was loaded before; links keep the old programs until they are made anew.

        Raises LoadError where the kernel refuses it; what was loaded stays.
        """
        maps = self.root / "maps"
        maps.mkdir(parents=True, exist_ok=True)
        loaded = Object(path, maps, constants)
        old = self._objects.pop(path.stem, None)
        self._objects[path.stem] = loaded
        if old is not None:
            old.close()

    def map(self, name: str, key_size: int, value_size: int) -> KernelMap:
        for loaded in self._objects.values():
            if name in loaded.maps:
                return KernelMap(loaded.maps[name], key_size, value_size)
        raise KeyError(name)

    def counts(self, name: str, entries: int) -> list[int]:
        """The sums over all processors of a per-CPU array of 64-bit counters."""
        table = self.map(name, 4, 8 * possible_cpus())
        found = (table.get(at.to_bytes(4, sys.byteorder)) for at in range(entries))
        return [sum(struct.unpack(f"={len(one) // 8}Q", one)) if one else 0 for one in found]

    def link_all(self, programs: Mapping[str, AttachType], cgroup: Path) -> None:
        """As `link_cgroup`, each where it belongs."""
        for program, attach_type in programs.items():
            self.link_cgroup(program, cgroup, attach_type)

    def link_cgroup(self, program: str, cgroup: Path, attach_type: AttachType) -> None:
        """Link a loaded program to a cgroup; a link that is pinned there already gets this program in one step."""
        where = self._link_path(program)
        fd = self._program(program)
        if where.exists():
            link = syscalls.pinned(str(where))
            try:
                syscalls.link_update(link, fd)
            finally:
                os.close(link)
            return
        target = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
        try:
            link = syscalls.link_create(fd, target, attach_type)
        finally:
            os.close(target)
        try:
            syscalls.pin(link, str(where))
        finally:
            os.close(link)

    def unlink(self, program: str) -> None:
        """Absent is fine."""
        self._link_path(program).unlink(missing_ok=True)

    def cleanup(self) -> None:
        """Remove every link, then every map: nothing of ours runs afterwards."""
        for folder in ("links", "maps"):
            for pin in sorted((self.root / folder).glob("*")):
                pin.unlink()
            if (self.root / folder).exists():
                (self.root / folder).rmdir()
        if self.root.exists():
            self.root.rmdir()
        self.close()

    def close(self) -> None:
        """What is pinned goes on."""
        for loaded in self._objects.values():
            loaded.close()
        self._objects.clear()

    def _program(self, name: str) -> int:
        for loaded in self._objects.values():
            if name in loaded.programs:
                return loaded.programs[name]
        raise KeyError(name)

    def _link_path(self, program: str) -> Path:
        folder = self.root / "links"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / program


@cache
def possible_cpus() -> int:
    """For how many processors per-CPU values have room, also those that are not there (sysfs: `0-1`, or `0,2-3`)."""
    last = Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip().rpartition(",")[2]
    return int(last.rpartition("-")[2]) + 1
