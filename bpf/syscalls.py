"""The bpf(2) system call, as far as libbpf does not serve us: maps by batches, links that are replaced, pins, test runs.

Numbers and layouts are those of the kernel's `include/uapi/linux/bpf.h`. Every function takes and returns file descriptors
and bytes, and raises OSError with the kernel's errno. All of them release the interpreter's lock while the kernel works.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from enum import IntEnum

_NUMBERS = {"x86_64": 321, "aarch64": 280}
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Command(IntEnum):
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    MAP_DELETE_ELEM = 3
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_TEST_RUN = 10
    OBJ_GET_INFO_BY_FD = 15
    MAP_LOOKUP_BATCH = 24
    MAP_UPDATE_BATCH = 26
    MAP_DELETE_BATCH = 27
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_DETACH = 34


class AttachType(IntEnum):
    """Where a program can be linked to."""

    CGROUP_INET4_CONNECT = 10
    CGROUP_INET6_CONNECT = 11
    CGROUP_UDP4_SENDMSG = 14
    CGROUP_UDP6_SENDMSG = 15
    CGROUP_UDP4_RECVMSG = 19
    CGROUP_UDP6_RECVMSG = 20
    CGROUP_INET4_GETPEERNAME = 29
    CGROUP_INET6_GETPEERNAME = 30
    TCX_INGRESS = 46
    TCX_EGRESS = 47


def _bpf(command: Command, attributes: bytes) -> tuple[int, bytes]:
    """The result and the attributes as the kernel left them."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _libc.syscall(_NUMBERS[os.uname().machine], int(command), buffer, len(buffer))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{command.name}: {os.strerror(number)}")
    return int(result), buffer.raw


def _buffer(data: bytes) -> "ctypes.Array[ctypes.c_char]":
    return ctypes.create_string_buffer(data, max(len(data), 1))


def _at(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)


def pin(fd: int, path: str) -> None:
    name = _buffer(path.encode() + b"\0")
    _bpf(Command.OBJ_PIN, struct.pack("QIIiI", _at(name), fd, 0, 0, 0))


def pinned(path: str) -> int:
    """A new file descriptor of what is pinned there."""
    name = _buffer(path.encode() + b"\0")
    return _bpf(Command.OBJ_GET, struct.pack("QIIiI", _at(name), 0, 0, 0, 0))[0]


def link_create(program: int, target: int, attach_type: AttachType) -> int:
    """`target`: a cgroup's file descriptor, or the index of a device in the calling thread's network namespace."""
    attributes = struct.pack("IIII", program, target, int(attach_type), 0)
    return _bpf(Command.LINK_CREATE, attributes.ljust(64, b"\0"))[0]


def link_update(link: int, program: int) -> None:
    """Exchange the link's program; no packet sees neither."""
    _bpf(Command.LINK_UPDATE, struct.pack("IIII", link, program, 0, 0))


def link_detach(link: int) -> None:
    _bpf(Command.LINK_DETACH, struct.pack("I", link))


def map_update(fd: int, key: bytes, value: bytes) -> None:
    keys, values = _buffer(key), _buffer(value)
    _bpf(Command.MAP_UPDATE_ELEM, struct.pack("IIQQQ", fd, 0, _at(keys), _at(values), 0))


def map_lookup(fd: int, key: bytes, value_size: int) -> bytes:
    """Raises FileNotFoundError where the key is not there."""
    keys, values = _buffer(key), ctypes.create_string_buffer(value_size)
    _bpf(Command.MAP_LOOKUP_ELEM, struct.pack("IIQQQ", fd, 0, _at(keys), _at(values), 0))
    return values.raw


def map_delete(fd: int, key: bytes) -> None:
    """Raises FileNotFoundError where the key is not there."""
    keys = _buffer(key)
    _bpf(Command.MAP_DELETE_ELEM, struct.pack("IIQQQ", fd, 0, _at(keys), 0, 0))


def map_update_batch(fd: int, keys: bytes, values: bytes, count: int) -> None:
    _batch(Command.MAP_UPDATE_BATCH, fd, _buffer(keys), _buffer(values), count)


def map_delete_batch(fd: int, keys: bytes, count: int) -> None:
    """Raises FileNotFoundError at the first key that is not there; those before it are gone then."""
    _batch(Command.MAP_DELETE_BATCH, fd, _buffer(keys), None, count)


def _batch(
    command: Command,
    fd: int,
    keys: "ctypes.Array[ctypes.c_char]",
    values: "ctypes.Array[ctypes.c_char] | None",
    count: int,
) -> None:
    where = _at(values) if values is not None else 0
    _bpf(command, struct.pack("QQQQIIQQ", 0, 0, _at(keys), where, count, fd, 0, 0))


def map_entries(fd: int, key_size: int, value_size: int, chunk: int = 4096) -> Iterator[tuple[bytes, bytes]]:
    """All entries of a hash map or array. What is written meanwhile may be there or not."""
    keys, values = ctypes.create_string_buffer(key_size * chunk), ctypes.create_string_buffer(value_size * chunk)
    here, after = ctypes.create_string_buffer(max(key_size, 8)), ctypes.create_string_buffer(max(key_size, 8))
    first = True
    while True:
        begin = 0 if first else _at(here)
        attributes = _buffer(struct.pack("QQQQIIQQ", begin, _at(after), _at(keys), _at(values), chunk, fd, 0, 0))
        number = _NUMBERS[os.uname().machine]
        result = _libc.syscall(number, int(Command.MAP_LOOKUP_BATCH), attributes, len(attributes))
        over = result < 0
        if over and (error := ctypes.get_errno()) != _NO_MORE:
            raise OSError(error, f"MAP_LOOKUP_BATCH: {os.strerror(error)}")
        (found,) = struct.unpack_from("I", attributes.raw, 32)
        for at in range(found):
            yield (
                keys.raw[at * key_size : (at + 1) * key_size],
                values.raw[at * value_size : (at + 1) * value_size],
            )
        if over:
            return
        here, after, first = after, here, False


_NO_MORE = 2  # ENOENT: the end of the map
