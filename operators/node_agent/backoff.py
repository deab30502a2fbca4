"""Pauses between tries: they double up to a limit, are spread at random, and start anew after a success."""

import random
from collections.abc import Callable

LIMIT = 10.0  # times the first pause


class Backoff:
    def __init__(self, first: float, spread: Callable[[], float] = random.random) -> None:
        self._first = first
        self._spread = spread
        self._next = first

    def pause(self) -> float:
        """Seconds until the next try: between half and all of the pause."""
        pause, self._next = self._next, min(self._next * 2, self._first * LIMIT)
        return pause * (0.5 + self._spread() / 2)

    def reset(self) -> None:
        self._next = self._first
