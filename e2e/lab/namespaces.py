"""Entering a network namespace; Python 3.11 has no os.setns."""

import ctypes
import os
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter_netns(name: str) -> None:
    """Move the calling thread into a named network namespace; OSError when it may not."""
    handle = os.open(Path("/run/netns", name), os.O_RDONLY)
    try:
        if _libc.setns(handle, CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), name)
    finally:
        os.close(handle)
