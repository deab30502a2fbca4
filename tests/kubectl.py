"""`kubectl`, as users run it, and an API server that has our kinds."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.apiserver import BINARIES, ApiServer

CRDS = Path(__file__).parents[1] / "crds/manifests"


@dataclass(frozen=True, slots=True)
class Kubectl:
    """`kubectl` for one API server."""

    kubeconfig: Path

    def run(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """What it printed, and whether it failed."""
        command = [BINARIES / "kubectl", f"--kubeconfig={self.kubeconfig}", *arguments]
        home = {"HOME": str(self.kubeconfig.parent), "PATH": os.environ["PATH"]}
        return subprocess.run(command, check=False, capture_output=True, text=True, input=stdin, env=home)

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """What it printed; a failure fails the test with its words."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def serving(folder: Path) -> Iterator[ApiServer]:
    """Its files are in `folder`; our kinds are established."""
    server = ApiServer(folder)
    try:
        server.start()
        kubectl = Kubectl(server.kubeconfig())
        kubectl("apply", "-f", CRDS)
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
        yield server
    finally:
        server.stop()
