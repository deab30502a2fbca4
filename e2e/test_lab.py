"""The embedded cluster itself: it comes up, survives the loss of a node, and leaves nothing behind."""

import re
import subprocess
from pathlib import Path

import pytest

from e2e.lab import Cluster, LabError, network
from e2e.lab.layout import netns
from e2e.lab.requirements import cgroup2_mount

NAME = "selftest"


@pytest.fixture(scope="module")
def own_cluster():
    """A cluster of this file, with the other CNI."""
    cluster = Cluster.up(NAME, nodes=2, cni="ptp")
    yield cluster
    cluster.down()


def traces() -> list[str]:
    """What a cluster of this name leaves on the machine."""
    found = [str(path) for path in Path("/run/netns").glob(f"{netns(NAME)}*")]
    found += [str(path) for path in cgroup2_mount().glob(f"tulle-lab/{NAME}*")]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if NAME in line]
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return found + [line for line in processes.splitlines() if f"/lab/{NAME}/" in line]


def test_nodes_are_ready_and_run_the_version_that_was_built(own_cluster):
    lines = own_cluster.kubectl("get", "nodes", "--no-headers").splitlines()
    assert [line.split()[1] for line in lines] == ["Ready", "Ready"]
    assert all(re.search(r"v1\.36\.", line) for line in lines)


def test_dns_answers_from_a_node(own_cluster):
    first = own_cluster.layout.first
    # kube-proxy may still be writing its first rules, which nothing tells
    lookup = (
        "for i in $(seq 100); do getent ahostsv4 kubernetes.default.svc.cluster.local && exit; sleep 0.1; done; exit 1"
    )
    assert own_cluster.shell(first, "bash", "-c", lookup).startswith(own_cluster.layout.api_service)


def test_a_killed_node_comes_back(own_cluster):
    node = own_cluster.layout.nodes[1]
    own_cluster.kill(node)
    with pytest.raises(LabError, match="is not running"):
        own_cluster.shell(node, "true")

    own_cluster.kubectl("wait", "--for=condition=Ready=Unknown", f"node/{node}", "--timeout=60s")
    own_cluster.start(node)
    own_cluster.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=60s")


def test_the_api_server_restarts(own_cluster):
    own_cluster.stop_api_server()
    own_cluster.start_api_server()
    assert own_cluster.kubectl("get", "--raw", "/readyz") == "ok"


def test_down_leaves_nothing(own_cluster):
    assert traces()
    own_cluster.down()
    assert traces() == []
    assert network.exists(network.FABRIC) == any(Path("/run/netns").glob("tulle-*-n1"))
