"""A client outside the cluster: a namespace on the fabric."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from e2e.lab import network
from e2e.lab.layout import netns
from e2e.lab.namespaces import enter_netns
from e2e.lab.run import Word, in_netns, run

P = ParamSpec("P")
R = TypeVar("R")


class ClientNamespace:
    """Use as a context manager. `address` is 172.30.N.250 and up."""

    def __init__(self, cluster_number: int, index: int = 0) -> None:
        self.address = f"172.30.{cluster_number}.{250 + index}"
        self.name = netns(f"client-{cluster_number}-{index}")
        self._port = f"c{cluster_number}-{index}"

    def __enter__(self) -> Self:
        network.unplug(self.name)  # a run that was killed leaves it behind
        network.plug(self.name, self.address, self._port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        network.unplug(self.name)

    def command(self, *command: Word) -> Sequence[Word]:
        """The command as it runs inside."""
        return in_netns(self.name, *command)

    def run(self, *command: Word) -> str:
        return run(*self.command(*command))

    def call(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `fn` in a thread whose sockets are inside; its exception is raised here."""
        outcome: list[R] = []
        failure: list[BaseException] = []

        def inside() -> None:
            try:
                enter_netns(self.name)
                outcome.append(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
                failure.append(error)

        thread = threading.Thread(target=inside, name=self.name)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]
