"""When which status is written: each object once however often it was marked, and not too many in a second."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from time import monotonic

from operators.ir.refs import ObjectRef


class Bucket:
    """`rate` writes a second, `burst` at once after a quiet."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self) -> float:
        """Take one; return how many seconds to wait for it."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self._rate)


class Queue:
    """References with the time they are due; one that is marked again keeps its place, one in work waits until it is done."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[ObjectRef, float] = {}
        self._heap: list[tuple[float, int, ObjectRef]] = []
        self._number = itertools.count()
        self._busy: set[ObjectRef] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due) + len(self._busy)

    def mark(self, ref: ObjectRef, delay: float) -> None:
        if ref not in self._due:
            self._push(ref, self._clock() + delay)

    def clear(self) -> None:
        self._due.clear()
        self._heap.clear()

    def done(self, ref: ObjectRef) -> None:
        self._busy.discard(ref)
        if ref in self._due:
            self._push(ref, self._due[ref])

    async def take(self) -> ObjectRef:
        while True:
            self._changed.clear()
            while self._heap and self._heap[0][0] <= self._clock():
                due, _, ref = heapq.heappop(self._heap)
                if self._due.get(ref) == due and ref not in self._busy:
                    del self._due[ref]
                    self._busy.add(ref)
                    return ref
            await self._wait(self._heap[0][0] - self._clock() if self._heap else None)

    def _push(self, ref: ObjectRef, due: float) -> None:
        self._due[ref] = due
        heapq.heappush(self._heap, (due, next(self._number), ref))
        self._changed.set()

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            self._changed.set()  # time for the first in the queue; others who wait look as well
