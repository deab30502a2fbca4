"""Load from outside of the cluster: `echo load` in a client's namespace, bounded, counted."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from e2e.images.content import digest, files_in
from e2e.images.paths import CONTAINERS
from e2e.lab import ClientNamespace
from e2e.lab.paths import BINARIES
from e2e.lab.run import run
from envoy_xds.generate.toolchain import ensure_go

SOURCE = CONTAINERS / "echo"
BEGIN_SECONDS = 30
END_SECONDS = 60  # requests that are open at the end are waited for


@dataclass(frozen=True)
class Summary:
    """What `echo load` counted; latencies in milliseconds, `failures` are the first ones with their time in seconds."""

    requests: int
    seconds: float
    rps: float
    statuses: dict[str, int]
    errors: dict[str, int]
    pods: dict[str, int]
    connections: int
    retried: int
    latency_ms: dict[str, float]
    failures: list[dict[str, Any]]

    @property
    def failed(self) -> int:
        """Requests without an answer, or with one that is no success."""
        return sum(self.errors.values()) + sum(n for status, n in self.statuses.items() if not status.startswith("2"))


class Load:
    """A context: it begins when the first request was answered and ends, however long that took, with `summary`.

    with Load(client, "http://a.example/", f"{address}:80") as load:
        ...                       # what must not be noticed
    assert load.summary.failed == 0, load.summary
    """

    summary: Summary

    def __init__(
        self,
        client: ClientNamespace,
        url: str,
        address: str,
        *,
        connections: int = 8,
        rps: float = 0,
        options: Sequence[str] = (),
        longest: float = 300,
    ) -> None:
        """`rps` 0: each connection asks again at once. `options` are of `echo load -h`; `longest` in seconds, if nobody ends it."""
        bounds = ("-connections", str(connections), "-rps", str(rps), "-duration", f"{longest}s")
        words = (ensure_echo(), "load", "-url", url, "-address", address, *bounds, *options)
        self._command = [str(word) for word in client.command(*words)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with _deadline(self._process, BEGIN_SECONDS):
            line = self._process.stdout.readline()
        if line != "started\n":
            raise AssertionError(f"nobody answered: {line}{self._finish()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self.summary = Summary(**json.loads(self._finish()))

    def _finish(self) -> str:
        try:
            out, errors = self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if self._process.returncode:
            raise AssertionError(f"echo load: exit status {self._process.returncode}: {errors}")
        return out


@contextmanager
def _deadline(process: "subprocess.Popen[str]", seconds: float) -> Iterator[None]:
    """Kill a process that says nothing for so long, so that reading from it ends."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def ensure_echo() -> Path:
    """The program of the echo image, for this machine."""
    sources = [file for file in files_in([SOURCE]) if file.suffix in {".go", ".mod", ".sum"}]
    binary = BINARIES / f"echo-{digest(SOURCE, sources)}"
    if not binary.exists():
        BINARIES.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-trimpath -buildvcs=false", GOWORK="off")
        run("nice", ensure_go(), "-C", SOURCE, "build", "-o", unfinished, ".", env=environment)
        unfinished.rename(binary)
    return binary
