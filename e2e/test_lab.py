"""The embedded cluster itself: what pods and tests may count on, what it survives, and that it leaves nothing behind."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from e2e.lab import ClientNamespace, Cluster, LabError, oci
from e2e.lab.images import PAUSE
from e2e.lab.layout import netns
from e2e.lab.requirements import cgroup2_mount

NAME = "selftest"
LAB = Path(__file__).parent / "lab/lab"
PYTHON = "/usr/bin/python3"
# An HTTP server that answers with its host's name, on a port that old and new may have at once
SERVER = """
import os, socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("", int(sys.argv[1])))
listener.listen()
while True:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + os.uname().nodename.encode())
"""
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()"
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster of this file, with the other CNI."""
    cluster = Cluster.up(NAME, nodes=2, cni="ptp")
    yield cluster
    cluster.down()


@pytest.fixture(scope="module")
def pods(own_cluster: Cluster) -> dict[str, str]:
    """One that serves HTTP on each node, as Service `probe`: node → pod."""
    own_cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([daemon_set("probe", 8080), SERVICE]))
    own_cluster.kubectl("rollout", "status", "daemonset/probe", "--timeout=90s")
    return {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in objects(own_cluster, "pods", "app=probe")}


def daemon_set(name: str, port: int, **host: object) -> dict[str, object]:
    """Pods of our only image that borrow their programs from the node."""
    folders = {"usr": "/usr", "lib": "/usr/lib", "lib64": "/usr/lib64"}
    container = {
        "name": name,
        "image": PAUSE,
        "imagePullPolicy": "Never",
        "command": [PYTHON, "-c", SERVER, str(port)],
        "securityContext": {"runAsUser": 0, "privileged": bool(host)},
        "readinessProbe": {"exec": {"command": [PYTHON, "-c", CONNECT, str(port)]}, "periodSeconds": 1},
        "volumeMounts": [{"name": part, "mountPath": f"/{part}", "readOnly": True} for part in folders],
    }
    volumes = [{"name": part, "hostPath": {"path": path}} for part, path in folders.items()]
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": volumes, **host}
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": name}}, "updateStrategy": update, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": spec}


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "probe"},
    "spec": {"selector": {"app": "probe"}, "ports": [{"port": 80, "targetPort": 8080}]},
}


def objects(cluster: Cluster, kind: str, selector: str) -> list[dict]:
    return json.loads(cluster.kubectl("get", kind, "-l", selector, "-o", "json"))["items"]


def fetch_from(cluster: Cluster, pod: str, url: str) -> str:
    return cluster.kubectl("exec", pod, "--", PYTHON, "-c", FETCH, url)


def traces(name: str) -> list[str]:
    """What a cluster of this name leaves on the machine."""
    found = [str(path) for path in Path("/run/netns").glob(f"{netns(name)}-n*")]
    found += [str(path) for path in cgroup2_mount().glob(f"tulle-lab/{name}-n*")]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if f"{name}-n" in line]
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return found + [line for line in processes.splitlines() if f"/lab/{name}/" in line or f"-{name}-n1 " in line]


def lab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LAB, *arguments], capture_output=True, text=True, check=False)


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


def test_pods_reach_each_other_on_and_across_nodes(own_cluster, pods):
    found = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in objects(own_cluster, "pods", "app=probe")}
    for source in pods.values():
        for target, address in found.items():
            assert fetch_from(own_cluster, source, f"http://{address}:8080") == target


def test_pods_reach_a_service_by_its_name(own_cluster, pods):
    for source in pods.values():
        answers = {fetch_from(own_cluster, source, "http://probe.default") for _ in range(4)}
        assert answers <= set(pods.values())


def test_each_pod_has_a_cgroup_named_by_its_uid(own_cluster, pods):
    for pod in objects(own_cluster, "pods", "app=probe"):
        path = f"/sys/fs/cgroup/kubepods/pod{pod['metadata']['uid']}"
        assert own_cluster.shell(pod["spec"]["nodeName"], "ls", path)


def test_a_daemon_of_the_host_is_replaced_by_surge_and_seen_from_outside(own_cluster):
    manifest = daemon_set("daemon", 8090, hostNetwork=True, hostPID=True)
    own_cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(manifest))
    own_cluster.kubectl("rollout", "status", "daemonset/daemon", "--timeout=90s")
    own_cluster.kubectl("rollout", "restart", "daemonset/daemon")
    own_cluster.kubectl("rollout", "status", "daemonset/daemon", "--timeout=90s")
    node, address = own_cluster.layout.first, f"172.30.{own_cluster.layout.number}.200"
    own_cluster.shell(node, "ip", "address", "add", f"{address}/32", "dev", "eth0")

    with ClientNamespace(own_cluster.layout.number) as client:
        assert client.call(fetch, f"http://{address}:8090") == node
        with pytest.raises(ConnectionRefusedError):
            client.call(socket.create_connection, ("127.0.0.1", 8090))


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def test_a_token_is_good_for_its_audience_only(own_cluster):
    token = own_cluster.kubectl("create", "token", "default", "--audience=tulle.dev/ca")

    def review(audience: str) -> dict:
        spec = {"token": token, "audiences": [audience]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        return json.loads(own_cluster.kubectl("create", "-o", "json", "-f", "-", input=json.dumps(body)))["status"]

    good = review("tulle.dev/ca")
    assert good["authenticated"]
    assert good["audiences"] == ["tulle.dev/ca"]
    assert good["user"]["username"] == "system:serviceaccount:default:default"
    assert "authenticated" not in review("https://elsewhere")
    issuer = json.loads(own_cluster.kubectl("get", "--raw", "/.well-known/openid-configuration"))
    assert issuer["issuer"] == "https://kubernetes.default.svc.cluster.local"
    assert json.loads(own_cluster.kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]


def test_an_image_is_loaded_into_every_node(own_cluster, tmp_path):
    archive, name = tmp_path / "x.tar", "tulle.local/selftest:1"
    oci.write(oci.Image(name, {"/x": Path(__file__)}, ("/x",)), archive)
    own_cluster.load_image(archive)

    for node in own_cluster.nodes:
        assert name in own_cluster.shell(node, "ctr", "-n", "k8s.io", "images", "list", "-q")


def test_what_a_node_writes_does_not_reach_the_machine(own_cluster):
    for path in ("/etc/selftest", "/opt/selftest", "/var/lib/selftest", "/run/selftest"):
        own_cluster.shell(own_cluster.layout.first, "touch", path)
        assert not Path(path).exists()


def test_a_killed_node_comes_back(own_cluster, pods):
    node = own_cluster.layout.nodes[1]
    own_cluster.kill(node)
    with pytest.raises(LabError, match="is not running"):
        own_cluster.shell(node, "true")

    own_cluster.kubectl("wait", "--for=condition=Ready=Unknown", f"node/{node}", "--timeout=60s")
    own_cluster.start(node)
    own_cluster.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=60s")
    with pytest.raises(LabError, match="is running"):
        own_cluster.start(node)
    own_cluster.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=probe", "--timeout=60s")
    address = next(
        pod["status"]["podIP"]
        for pod in objects(own_cluster, "pods", "app=probe")
        if pod["metadata"]["name"] == pods[node]
    )
    assert fetch_from(own_cluster, pods[own_cluster.layout.first], f"http://{address}:8080") == pods[node]


def test_the_api_server_restarts(own_cluster):
    own_cluster.stop_api_server()
    with pytest.raises(LabError):
        own_cluster.kubectl("get", "--raw", "/readyz")
    own_cluster.start_api_server()
    assert own_cluster.kubectl("get", "--raw", "/readyz") == "ok"


def test_down_leaves_nothing(own_cluster):
    assert traces(NAME)
    own_cluster.down()
    assert traces(NAME) == []


def test_dns_is_ready_without_kube_proxy():
    cluster = Cluster.up("noproxy", nodes=1, kube_proxy=False)
    try:
        assert "kube-proxy" not in cluster.shell(cluster.layout.first, "ps", "-e", "-o", "comm")
    finally:
        cluster.down()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_interrupted_leaves_nothing(ending):
    # what runs in a script's background ignores SIGINT, and its children with it, unless told otherwise
    heed = ["env", f"--default-signal={ending.name.removeprefix('SIG')}"]
    up = [*heed, LAB, "up", "cutshort", "--nodes", "1"]
    try:
        with subprocess.Popen(up, stdout=subprocess.PIPE, text=True, start_new_session=True) as starting:
            assert any("control plane and nodes" in line for line in starting.stdout)
            os.killpg(starting.pid, ending)
            assert "taking down what was made" in starting.stdout.read()

        assert starting.returncode == 128 + ending
        assert traces("cutshort") == []
    finally:
        lab("down", "cutshort")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["up", "../x"], "cluster name '../x'"),
        (["up", "many", "--nodes", "99"], "sysctl -w fs.inotify.max_user_instances="),
        (["down"], "which cluster?"),
        (["down", "nowhere"], "there is no cluster nowhere"),
        (["shell", "nowhere-n1"], "no cluster has a node nowhere-n1"),
        (["kubeconfig", "nowhere"], "there is no cluster nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(arguments, message):
    answer = lab(*arguments)

    assert answer.returncode == 1
    assert answer.stdout.startswith("error: ")
    assert message in answer.stdout
