"""The cgroup2 subtree of each node."""

import os
import select
from pathlib import Path

from e2e.lab.errors import LabError
from e2e.lab.requirements import cgroup2_mount

ROOT = "tulle-lab"
EMPTY_SECONDS = 15.0


def path(node: str) -> Path:
    return cgroup2_mount() / ROOT / node


def ensure(node: str) -> Path:
    """An empty subtree; what a crash left would cost the kubelet seconds per directory."""
    remove(node)
    path(node).mkdir(parents=True)
    return path(node)


def remove(node: str) -> None:
    """Remove a node's subtree, whose processes have been killed, and the root with the last one."""
    top = path(node)
    if top.exists():
        _await_empty(top)
        for folder in sorted(top.rglob("*/"), key=lambda found: -len(found.parts)):
            folder.rmdir()
        top.rmdir()
    root = top.parent
    if root.exists() and not any(child.is_dir() for child in root.iterdir()):
        root.rmdir()


def _await_empty(top: Path) -> None:
    """The kernel reports in cgroup.events when the last process of a subtree is gone."""
    handle = os.open(top / "cgroup.events", os.O_RDONLY)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLPRI)
        while "populated 1" in os.pread(handle, 4096, 0).decode():
            if not waiting.poll(EMPTY_SECONDS * 1000):
                raise LabError(f"processes in {top} do not end")
    finally:
        os.close(handle)
