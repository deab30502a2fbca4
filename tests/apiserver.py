"""A real API server that has our kinds, and kubectl as users run it: import `apiserver` in a conftest."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.control.apiserver import BINARIES, ApiServer

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


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory) -> Iterator[ApiServer]:
    """etcd and kube-apiserver on loopback with our CRDs established; nothing else runs."""
    absent = [name for name in ("etcd", "kube-apiserver", "kubectl") if not (BINARIES / name).exists()]
    if absent:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not in {BINARIES}: {', '.join(absent)}")
    server = ApiServer(tmp_path_factory.mktemp("apiserver"))
    try:
        server.start()
        kubectl = Kubectl(server.kubeconfig())
        kubectl("apply", "-f", CRDS)
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kubectl(apiserver: ApiServer) -> Kubectl:
    return Kubectl(apiserver.kubeconfig())
