"""Runs `go build` and says how far it is: a build of Kubernetes takes minutes, and silence looks like a hang."""

import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from e2e.lab.errors import LabError
from e2e.lab.run import Word

Report = Callable[[str], None]
REPORT_SECONDS = 15
LAST_LINES = 30


def go_build(program: str, command: Sequence[Word], work: Path, environment: dict[str, str], report: Report) -> None:
    """`command` is go with its arguments, run in `work`; each package and download that `-v` names counts."""
    report(f"building {program}")
    said: deque[str] = deque(maxlen=LAST_LINES)
    reported, fetched, compiled = time.monotonic(), 0, 0
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=work, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr or ():
                said.append(line)
                fetched += line.startswith("go: downloading")
                compiled += "/" in line and ":" not in line
                if time.monotonic() - reported > REPORT_SECONDS:
                    reported = time.monotonic()
                    report(f"building {program}: {fetched} modules fetched, {compiled} packages compiled")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise LabError(f"{' '.join(words)}: exit status {process.returncode}\n{''.join(said)}".rstrip())
