"""A cluster without kube-proxy: Services are served by the agents' programs, and go on when agents, controllers and pods do not."""

import json
import subprocess
from collections.abc import Iterator
from typing import Self

import pytest

from e2e.echo import echo
from e2e.install import install
from e2e.lab import Cluster
from e2e.objects import apply
from e2e.parts import SYSTEM, kill, names, replace

NAMESPACE = "services"
NODE_PORT = 30880


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """Two nodes whose only balancer is Tulle."""
    cluster = Cluster.up("bare", nodes=2, kube_proxy=False)
    try:
        host = cluster.layout.address(cluster.layout.first)
        install(cluster, {"services": {"enabled": True}, "kubeApiServer": {"host": host, "port": 6443}})
        cluster.kubectl("create", "namespace", NAMESPACE)
        apply(cluster, NAMESPACE, [*echo("one", 2), *everywhere("client"), *echo("none", 0), *variants("one")])
        for workload in ("deployment/one", "daemonset/client"):
            cluster.kubectl("-n", NAMESPACE, "rollout", "status", workload, "--timeout=120s")
        yield cluster
    finally:
        cluster.down()


def everywhere(name: str) -> list[dict]:
    """A client on each node."""
    deployment, _ = echo(name)
    spec = {key: deployment["spec"][key] for key in ("selector", "template")}
    return [{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": spec}]


def variants(app: str) -> list[dict]:
    """Services of the same pods: one with affinity, one with a node port."""
    port = {"name": "http", "port": 80, "targetPort": "http"}
    specs = {
        "sticky": {"sessionAffinity": "ClientIP", "ports": [port]},
        "exposed": {"type": "NodePort", "ports": [port | {"nodePort": NODE_PORT}]},
    }
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": app}} | spec}
        for name, spec in specs.items()
    ]


def clients(cluster: Cluster) -> list[str]:
    return names(cluster, NAMESPACE, "app=client")


def load(cluster: Cluster, client: str, url: str, *options: str) -> dict:
    """What `echo load` counted in a client's pod."""
    command = ("-n", NAMESPACE, "exec", client, "--", "/echo", "load", "-url", url, *options)
    said = cluster.kubectl(*command)
    return json.loads(said.removeprefix("started\n"))


def failed(summary: dict) -> int:
    return sum(summary["errors"].values()) + sum(n for code, n in summary["statuses"].items() if code != "200")


def test_a_service_is_reached_by_its_name_from_every_node(bare: Cluster):
    for client in clients(bare):
        found = load(bare, client, f"http://one.{NAMESPACE}.svc.cluster.local/", "-requests", "40", "-fresh")
        assert failed(found) == 0, found
        assert len(found["pods"]) == 2, "both pods serve"


def test_a_service_without_endpoints_is_refused_at_once(bare: Cluster):
    found = load(bare, clients(bare)[0], f"http://none.{NAMESPACE}.svc/", "-requests", "1", "-timeout", "5s")
    assert "refused" in json.dumps(found["errors"])


def test_with_affinity_a_client_stays_with_its_pod(bare: Cluster):
    for client in clients(bare):
        found = load(bare, client, f"http://sticky.{NAMESPACE}.svc.cluster.local/", "-requests", "40", "-fresh")
        assert failed(found) == 0, found
        assert len(found["pods"]) == 1


def test_a_node_port_answers_clients_on_its_node(bare: Cluster):
    for client in clients(bare):
        where = bare.kubectl("-n", NAMESPACE, "get", client, "-o", "jsonpath={.status.hostIP}")
        found = load(bare, client, f"http://{where}:{NODE_PORT}/", "-requests", "20", "-fresh")
        assert failed(found) == 0, found


@pytest.mark.parametrize("part", ["agent", "controller"])
def test_services_go_on_without_their_makers(bare: Cluster, part: str):
    """And what changes afterwards is known to whoever comes back."""
    workload = {"agent": "daemonset/tulle-agent", "controller": "deployment/tulle-controller"}[part]
    with Running(bare, "one") as running:
        kill(bare, part, workload)
        replace(bare, NAMESPACE, "deployment/one", "app=one")
    assert running.failed == 0, running.summary
    assert len(running.summary["pods"]) >= 3, "old and new pods have answered"


class Running:
    """A minute of load in a client's pod, with a connection for each request; left when it is over."""

    def __init__(self, cluster: Cluster, service: str) -> None:
        self._cluster = cluster
        self._url = f"http://{service}.{NAMESPACE}.svc.cluster.local/"

    def __enter__(self) -> Self:
        client = clients(self._cluster)[0]
        options = ("-fresh", "-rps", "100", "-duration", "60s")
        words = ("-n", NAMESPACE, "exec", client, "--", "/echo", "load", "-url", self._url, *options)
        self._process = subprocess.Popen(self._cluster.kubectl_command(*words), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "started\n"
        return self

    def __exit__(self, *_: object) -> None:
        out, _ = self._process.communicate(timeout=180)
        self.summary = json.loads(out)

    @property
    def failed(self) -> int:
        return failed(self.summary)


def test_the_pods_of_the_mesh_are_clients_like_others(bare: Cluster):
    """Envoy finds the controllers by their Service's name, so its readiness says that host processes are served."""
    ready = bare.kubectl("-n", SYSTEM, "get", "daemonset", "tulle-envoy", "-o", "jsonpath={.status.numberReady}")
    assert ready == "2"


def test_cleanup_leaves_nothing_in_the_kernel_and_the_next_agent_begins_anew(bare: Cluster):
    pod = names(bare, SYSTEM, "app.kubernetes.io/component=agent")[0]
    node = bare.kubectl("-n", SYSTEM, "get", pod, "-o", "jsonpath={.spec.nodeName}")
    bare.kubectl("-n", SYSTEM, "exec", pod, "--", "tulle-agent", "--cleanup")
    assert bare.shell(node, "find", "/sys/fs/bpf", "-name", "tulle*") == ""

    kill(bare, "agent", "daemonset/tulle-agent")
    for client in clients(bare):
        found = load(bare, client, f"http://one.{NAMESPACE}.svc.cluster.local/", "-requests", "10", "-fresh")
        assert failed(found) == 0, found
