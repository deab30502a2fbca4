"""Processes that are driven by lines and answer with lines of JSON; and the peers' binary, built from its sources."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy_xds.generate.toolchain import cache_directory, ensure_go

HERE = Path(__file__).parent


class Driven:
    def __init__(self, command: Sequence[str | Path]) -> None:
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, line: str) -> Any:
        self.process.stdin.write(f"{line}\n")
        return self.answer()


@contextmanager
def driven(*command: str | Path) -> Iterator[Driven]:
    started = Driven(command)
    try:
        yield started
    finally:
        started.process.stdin.close()
        try:
            started.process.wait(5)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait()


def ours(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "e2e.bench.xds_serve", *arguments)


def peer(*arguments: str) -> tuple[str, ...]:
    return (str(_build()), *arguments)


def _build() -> Path:
    """The Go program, built once for each state of its sources."""
    source = HERE / "go-peer"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(source.iterdir()))).hexdigest()[:16]
    binary = cache_directory() / "bin" / f"xds-peer-{digest}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_suffix(f".{os.getpid()}")
        environment = {**os.environ, "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
        subprocess.run([ensure_go(), "build", "-o", partial, "."], cwd=source, env=environment, check=True)
        partial.rename(binary)
    return binary
