"""A network namespace that lasts as long as a test: the test's own thread moves into it, and what it starts is born in it.

It has no name, so nothing is left when the last process in it is gone. gRPC's clients connect from threads of their own and
must run as processes; its servers are fine.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments) -> None:
    if function(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def new_namespace() -> Iterator[int]:
    """Be in a new namespace until left; yields a file descriptor of it."""
    with opened() as before:
        _call(_libc.unshare, CLONE_NEWNET)
        try:
            with opened() as inside:
                yield inside
        finally:
            _call(_libc.setns, before, CLONE_NEWNET)


@contextmanager
def inside(namespace: int) -> Iterator[None]:
    with opened() as before:
        _call(_libc.setns, namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            _call(_libc.setns, before, CLONE_NEWNET)


@contextmanager
def opened() -> Iterator[int]:
    """The namespace that this thread is in."""
    descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def set_sysctl(name: str, value: object) -> None:
    """In the namespace that this thread is in."""
    Path("/proc/sys", *name.split(".")).write_text(str(value), encoding="ascii")


def get_sysctl(name: str) -> str:
    return Path("/proc/sys", *name.split(".")).read_text(encoding="ascii").strip()
