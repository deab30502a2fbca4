"""One collection of the values of several, for what is done alike with different kinds."""

from typing import TypeVar

from operators.collections.collection import Collection, Scheduler
from operators.collections.computed import Computed, Context, Result
from operators.collections.values import Changes, Keyed

Out = TypeVar("Out", bound=Keyed)


class Union(Computed[Out]):
    """The values of all `parents`; a key that is in several is taken from the first."""

    def __init__(self, graph: Scheduler, name: str, *parents: Collection[Out]) -> None:
        super().__init__(graph, name)
        self._parents = parents
        for parent in parents:
            parent.follow(self._follow)
            self._follow(Changes(upserts={value.key: value for value in parent.values()}))

    def _follow(self, changes: Changes[Out]) -> None:
        for key in changes:
            self.wake(key)

    def present(self, key: str) -> bool:
        return any(key in parent for parent in self._parents)

    def evaluate(self, key: str, context: Context) -> Result[Out]:  # noqa: ARG002 - it follows its parents
        return next((value for parent in self._parents if (value := parent.get(key)) is not None), None)
