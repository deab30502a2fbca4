"""Signals that ask us to end: they become exceptions, so that what was begun is undone, but never in the middle of a pair of steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_as_exceptions() -> None:
    """For a command: SIGTERM and SIGHUP unwind as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _unwind)


def _unwind(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals that come inside are delivered at the end. Only the main thread gets signals, elsewhere this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in ENDING}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)
