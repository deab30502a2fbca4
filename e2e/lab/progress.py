"""Progress of long steps on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def reporting(console: Console, first: str) -> Iterator[Callable[[str], None]]:
    """What goes on as a spinner, what was done as lines; tell it each step."""
    with console.status(first) as status:

        def report(step: str) -> None:
            console.log(step)
            status.update(step)

        yield report
