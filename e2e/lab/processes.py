"""Processes that outlive the command that started them: recorded by pid and start time, so that only ours are ended."""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.lab.interrupts import held_back
from e2e.lab.run import Word

END_SECONDS = 10
# kept, since a Popen that is collected complains that its process still runs
_children: list[subprocess.Popen[bytes]] = []


def start(folder: Path, name: str, command: Sequence[Word]) -> None:
    """Start a daemon whose output goes to `<name>.log`. None is started without being recorded."""
    with (folder / f"{name}.log").open("ab") as log, held_back():
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
        _children.append(process)
        record = {"pid": process.pid, "started": started(process.pid)}
        (folder / f"{name}.process").write_text(json.dumps(record))


def pid_of(folder: Path, name: str) -> int | None:
    """The process recorded as `name`, if it still runs."""
    try:
        record = json.loads((folder / f"{name}.process").read_text())
    except FileNotFoundError:
        return None
    pid = int(record["pid"])
    return pid if started(pid) == record["started"] else None


def stop(folder: Path, name: str, number: signal.Signals = signal.SIGKILL) -> None:
    """End the process recorded as `name` and wait for it. Absent is fine."""
    pid = pid_of(folder, name)
    if pid is not None:
        end(pid, number)
    (folder / f"{name}.process").unlink(missing_ok=True)


def end(pid: int, number: signal.Signals) -> None:
    """Send a signal and wait until the process is gone; after a time, kill it."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, number)
            if not select.select([handle], [], [], END_SECONDS)[0]:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], END_SECONDS)
        finally:
            os.close(handle)
        _children[:] = [child for child in _children if child.poll() is None]  # which reaps those that ended


def started(pid: int) -> str | None:
    """The start time that /proc gives, which with the pid names a process for ever; None when there is none."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else after_name[19]


def only_child(pid: int) -> int | None:
    """The child of a process that has one: pid 1 of a node is the child of `unshare`."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return None
    return int(children[0]) if children else None
