"""Commands of the system, with their words in the error."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.lab.errors import LabError

Word = str | Path


def run(*command: Word, check: bool = True, input: str | None = None, env: dict[str, str] | None = None) -> str:  # noqa: A002
    """The command's output without the last newline; LabError with all it said where it fails."""
    result = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, input=input, env=env, check=False
    )
    if check and result.returncode:
        words = " ".join(str(word) for word in command)
        raise LabError(f"{words}: exit status {result.returncode}\n{result.stdout}{result.stderr}".rstrip())
    return result.stdout.rstrip("\n")


def succeeds(*command: Word) -> bool:
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0


def in_netns(netns: str, *command: Word) -> Sequence[Word]:
    """The command as it is run inside a named network namespace."""
    return ("ip", "netns", "exec", netns, *command)
