"""The node that holds the gateway's address dies: another takes the address over, and the dead one comes back without it."""

import json
import time

import pytest

from e2e.echo import echo
from e2e.fetch import TlsRefusedError, fetch
from e2e.ingresses import ingress
from e2e.lab import ClientNamespace, Cluster
from e2e.objects import apply, await_object
from e2e.served import address_of, served

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
NAMESPACE = "node-loss"
LONGEST_SECONDS = 90  # the leader may have been on the dead node: its Lease must run out first


def holder(cluster: Cluster) -> str:
    return cluster.kubectl("get", "loadbalancerippool", "lab", "-o", "jsonpath={.status.allocations[0].node}")


def move(cluster: Cluster, node: str) -> None:
    """Have `node` hold the address, and let it stay there by itself."""
    for selector in ({"matchLabels": {"kubernetes.io/hostname": node}}, None):
        patch = json.dumps({"spec": {"nodeSelector": selector}})
        cluster.kubectl("patch", "loadbalancerippool", "lab", "--type=merge", f"--patch={patch}")
        await_object(cluster, "default", "loadbalancerippool", "lab", lambda it: _node_of(it) == node)


def _node_of(pool: dict) -> str:
    return str(pool.get("status", {}).get("allocations", [{}])[0].get("node", ""))


def until_answered(client: ClientNamespace, address: str) -> float:
    """Seconds until a request gets its answer from a pod."""
    begun = time.monotonic()
    while time.monotonic() - begun < LONGEST_SECONDS:
        try:
            if client.call(fetch, "http://loss.example/", address, timeout=1).status == 200:
                return time.monotonic() - begun
        except (OSError, TlsRefusedError):
            continue
    raise AssertionError(f"no answer from {address} for {LONGEST_SECONDS} s")


def test_the_address_moves_when_its_node_dies(tulle: Cluster, client: ClientNamespace, capsys):
    tulle.kubectl("create", "namespace", NAMESPACE)
    try:
        apply(tulle, NAMESPACE, [*echo("one", 2), ingress("loss", "loss.example", {"/": "one"})])
        tulle.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/one", "--timeout=120s")
        address = address_of(await_object(tulle, NAMESPACE, "ingress", "loss", served))
        until_answered(client, address)
        dead = tulle.layout.nodes[1]  # the first has the control plane, whose death is another story
        move(tulle, dead)
        tulle.kill(dead)
        try:
            seconds = until_answered(client, address)
            with capsys.disabled():
                print(f"\nthe address answers from another node after {seconds:.1f} s")
            assert holder(tulle) != dead
        finally:
            tulle.start(dead)
            tulle.kubectl("wait", "--for=condition=Ready", f"node/{dead}", "--timeout=120s")
        assert holder(tulle) != dead
    finally:
        tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
