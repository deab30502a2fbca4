"""When pending changes are committed: after a short quiet, and never later than a maximum after the first of them.

What is urgent (endpoints come and go under traffic) does not wait for quiet, only for a pause since the last commit.

Nothing is committed before `open()`: what is derived from half of the objects would be served as the whole.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

QUIET_SECONDS = 0.010
MAXIMUM_SECONDS = 0.100
EARLY_SECONDS = 0.0005  # event loops may fire a timer a little early


class Committable(Protocol):
    """The graph, as the driver sees it."""

    @property
    def pending(self) -> bool: ...
    def commit(self) -> int: ...


class Clock(Protocol):
    """The event loop, as the driver sees it; tests turn the hands themselves."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None], /) -> asyncio.TimerHandle: ...


class Driver:
    """Commits `graph` on `clock`. A commit that raises is our bug: it goes to `failed`, which ends the process."""

    def __init__(
        self,
        graph: Committable,
        clock: Clock,
        failed: Callable[[Exception], None],
        quiet: float = QUIET_SECONDS,
        maximum: float = MAXIMUM_SECONDS,
    ) -> None:
        self._graph = graph
        self._clock = clock
        self._failed = failed
        self._quiet = quiet
        self._maximum = maximum
        self._opened = False
        self._deadline: float | None = None
        self._due = self._armed = 0.0
        self._urgent: float | None = None
        self._last = -quiet
        self._timer: asyncio.TimerHandle | None = None
        self._committed: list[Callable[[float], None]] = []

    def touch(self, *, urgent: bool = False) -> None:
        """Something is pending."""
        if not self._opened:
            return
        now = self._clock.time()
        if self._deadline is None:
            self._deadline = now + self._maximum
        if urgent and self._urgent is None:
            self._urgent = max(now, self._last + self._quiet)
        self._due = min(now + self._quiet, self._deadline, now + self._quiet if self._urgent is None else self._urgent)
        if self._timer is None or self._due < self._armed:
            self._arm()

    def open(self) -> None:
        """Every watched kind has been listed once: commit now what has come, and from now on what changes."""
        self._opened = True
        self._commit()

    def after_commit(self, fn: Callable[[float], None]) -> None:
        """Call `fn` after every commit with the seconds it took, subscribers included."""
        self._committed.append(fn)

    def close(self) -> None:
        self._opened = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        """One timer serves a whole burst: it is not moved by each touch but looks, when it fires, whether there was quiet."""
        self._timer = None
        if self._clock.time() + EARLY_SECONDS < self._due:
            self._arm()
        else:
            self._commit()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._due
        self._timer = self._clock.call_at(self._due, self._tick)

    def _commit(self) -> None:
        self._deadline = self._urgent = None
        started = perf_counter()
        try:
            self._graph.commit()
            for fn in self._committed:
                fn(perf_counter() - started)
        except Exception as error:  # noqa: BLE001 - a timer's exception would only be logged by the loop
            self._failed(error)
            return
        finally:
            self._last = self._clock.time()
        if self._graph.pending:
            self.touch()
