"""The driver commits after quiet, at the latest after its maximum, and not before the gate opens; time is virtual."""

import heapq
from collections.abc import Callable

import pytest

from operators.debounce import Driver


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """An event loop's clock in milliseconds that only moves when told."""

    def __init__(self) -> None:
        self.now = 0
        self.timers: list[tuple[int, int, Timer]] = []
        self.made = 0

    def time(self) -> float:
        return self.now / 1000

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        self.made += 1
        heapq.heappush(self.timers, (round(when * 1000), self.made, timer))
        return timer

    def until(self, millisecond: int) -> None:
        while self.timers and self.timers[0][0] <= millisecond:
            self.now, _, timer = heapq.heappop(self.timers)
            if timer.callback:
                timer.callback()
        self.now = millisecond


class Commits:
    """A graph that notes when it was committed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at: list[int] = []
        self.pending = False
        self.error: Exception | None = None

    def commit(self) -> int:
        self.pending = False
        self.at.append(self.clock.now)
        if self.error:
            raise self.error
        return 0


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.graph = Commits(self.clock)
        self.errors: list[Exception] = []
        self.driver = Driver(self.graph, self.clock, self.errors.append)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def opened(bench: Bench) -> Bench:
    bench.driver.open()
    bench.graph.at.clear()
    return bench


def test_nothing_is_committed_before_the_gate_opens(bench: Bench) -> None:
    bench.driver.touch()
    bench.clock.until(1000)
    assert bench.graph.at == []

    bench.driver.open()

    assert bench.graph.at == [1000]


def test_a_single_change_is_committed_after_ten_milliseconds(opened: Bench) -> None:
    opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == [10]


def test_a_burst_is_one_commit_after_its_last_change(opened: Bench) -> None:
    for at in (0, 4, 9, 17):
        opened.clock.until(at)
        opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == [27]
    assert opened.clock.made <= 3


def test_changes_without_end_are_committed_every_hundred_milliseconds(opened: Bench) -> None:
    for at in range(0, 250, 5):
        opened.clock.until(at)
        opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == [100, 200, 255]


def test_what_is_urgent_is_committed_at_once_with_all_that_is_pending(opened: Bench) -> None:
    opened.clock.until(50)
    opened.driver.touch()
    opened.clock.until(52)
    opened.driver.touch(urgent=True)
    opened.clock.until(1000)

    assert opened.graph.at == [52]


def test_an_urgent_burst_is_committed_as_often_as_quiet_allows(opened: Bench) -> None:
    for at in range(50, 76):
        opened.clock.until(at)
        opened.driver.touch(urgent=True)
        opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == [50, 60, 70, 80]


def test_what_is_urgent_waits_after_a_commit(opened: Bench) -> None:
    opened.clock.until(3)
    opened.driver.touch(urgent=True)
    opened.clock.until(1000)

    assert opened.graph.at == [10]


def test_what_subscribers_put_in_is_committed_next(opened: Bench) -> None:
    def echo(_: float) -> None:
        opened.graph.pending = len(opened.graph.at) == 1

    opened.driver.after_commit(echo)
    opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == [10, 20]


def test_a_commit_that_raises_is_told_and_not_swallowed(opened: Bench) -> None:
    opened.graph.error = ValueError("bug")
    opened.driver.touch()
    opened.clock.until(1000)

    assert opened.errors == [opened.graph.error]


def test_after_close_nothing_happens(opened: Bench) -> None:
    opened.driver.touch()
    opened.driver.close()
    opened.driver.touch()
    opened.clock.until(1000)

    assert opened.graph.at == []
