"""The quick start's commands, run as they stand, on a cluster where Tulle is installed (its first command is what the fixture did)."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from e2e.lab import ClientNamespace, Cluster
from e2e.lab.paths import BINARIES

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/guides/quick-start.md"
MADE = ("ingress/web", "service/web", "deployment/web")


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture
def shell(tulle: Cluster, client: ClientNamespace):
    """Runs a line of the guide: kubectl is the cluster's, curl is outside of it, addresses are those of the lab."""
    environment = dict(os.environ, KUBECONFIG=str(tulle.kubeconfig), PATH=f"{BINARIES}:{os.environ['PATH']}")

    def run(line: str) -> str:
        line = line.replace("curl", f"{shlex.join(str(word) for word in client.command('curl', '-sS'))}", 1)
        done = subprocess.run(
            ["bash", "-ec", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    yield run
    tulle.kubectl("delete", *MADE, "--ignore-not-found")


def test_the_quick_start_works_as_it_stands(shell):
    lines = [line for line in commands() if not line.startswith("helm ") and "load-balancer-ip-pool" not in line]
    assert len(lines) >= 7
    said = {line.split()[0] + " " + line.split()[1]: shell(line) for line in lines}

    assert '"host":"web.example"' in next(text for command, text in said.items() if command.startswith("curl")).replace(
        " ", ""
    )
    assert "tulle.dev/conditions" in said["kubectl describe"]


def test_the_pool_of_the_quick_start_is_valid(shell):
    shell("kubectl apply --dry-run=server -f docs/examples/load-balancer-ip-pool.yaml")


@pytest.mark.parametrize("example", sorted((ROOT / "docs/examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_taken_by_the_cluster(shell, example):
    shell(f"kubectl apply --dry-run=server -f {example.relative_to(ROOT)}")
