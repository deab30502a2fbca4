"""The ways in besides load-balancer addresses, chosen by the chart's value: ports on every node, and the nodes' own ports."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from e2e.echo import echo
from e2e.install import install
from e2e.lab import ClientNamespace, Cluster
from e2e.objects import apply, await_object, conditions

NAMESPACE = "exposure"
HOST = "exposed.example"
RULE = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "one", "port": {"number": 80}}}}
INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "exposed"},
    "spec": {"ingressClassName": "tulle", "rules": [{"host": HOST, "http": {"paths": [RULE]}}]},
}


@pytest.fixture(scope="module")
def backend(tulle: Cluster) -> Iterator[Cluster]:
    """Afterwards the cluster is as the other tests expect it."""
    tulle.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")  # a run before us may just have left it
    tulle.kubectl("create", "namespace", NAMESPACE)
    apply(tulle, NAMESPACE, echo("one"))
    tulle.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/one", "--timeout=120s")
    yield tulle
    tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    install(tulle)


def programmed(found: dict) -> bool:
    return conditions(found).get("Programmed", {}).get("status") == "True"


def ask(address: str, port: int) -> str:
    """Which host the pod saw."""
    with closing(http.client.HTTPConnection(address, port, timeout=10)) as connection:
        connection.request("GET", "/", headers={"Host": HOST})
        return str(json.loads(connection.getresponse().read())["host"])


@pytest.mark.parametrize(("exposure", "port"), [("NodePort", 30080), ("HostNetwork", 80)])
def test_every_node_answers(backend: Cluster, client: ClientNamespace, exposure: str, port: int):
    install(backend, {"ingress": {"exposure": exposure}})
    apply(backend, NAMESPACE, [INGRESS])
    found = await_object(backend, NAMESPACE, "ingress", "exposed", programmed)
    said = conditions(found)["Programmed"]["message"]

    answers = {node: client.call(ask, address, port) for node, address in backend.nodes.items()}

    backend.kubectl("-n", NAMESPACE, "delete", "ingress", "exposed")
    count = len(backend.nodes)
    assert said == f"acknowledged by {count} of {count} nodes", "a controller that was just started waits for them all"
    assert answers == dict.fromkeys(backend.nodes, HOST)
