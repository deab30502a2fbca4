"""Small numbers for names: the kernel's maps have no room for words."""

from typing import Generic, TypeVar

K = TypeVar("K")


class Numbers(Generic[K]):
    """A name keeps its number until it is released; numbers begin at 1 and are given anew as late as possible.

    As late as possible, because something in the kernel may still know a number whose name is gone: a connection, an affinity.
    """

    def __init__(self, limit: int = 2**32 - 1) -> None:
        self._numbers: dict[K, int] = {}
        self._names: dict[int, K] = {}
        self._last = 0
        self._limit = limit

    def of(self, name: K) -> int:
        """Raises OverflowError where every number is taken."""
        if name not in self._numbers:
            self._take(name, self._next())
        return self._numbers[name]

    def adopt(self, name: K, number: int) -> bool:
        """The name has this number already, as an agent before us gave it; False where either is taken."""
        if name in self._numbers or number in self._names or number < 1:
            return False
        self._take(name, number)
        self.skip(number)
        return True

    def skip(self, number: int) -> None:
        """Give this one, and those before it, only after all others: it is known to somebody."""
        self._last = max(self._last, number)

    def release(self, name: K) -> None:
        """Absent is fine."""
        number = self._numbers.pop(name, None)
        if number is not None:
            del self._names[number]

    def __len__(self) -> int:
        return len(self._numbers)

    def _take(self, name: K, number: int) -> None:
        self._numbers[name], self._names[number] = number, name

    def _next(self) -> int:
        if len(self._names) >= self._limit:
            raise OverflowError(f"all {self._limit} numbers are taken")
        while True:
            self._last = self._last % self._limit + 1
            if self._last not in self._names:
                return self._last
