"""etcd, the API server, the controllers and the scheduler: plain processes in the first node's network."""

import os
import signal
import sys
import time
from collections.abc import Sequence

from e2e.lab import processes
from e2e.lab.build import KUBE
from e2e.lab.errors import LabError
from e2e.lab.layout import Layout, netns
from e2e.lab.paths import HERE
from e2e.lab.run import in_netns, run

PROGRAMS = ("kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd", "forward")
READY_SECONDS = 90


def start(layout: Layout) -> None:
    """Start etcd, the API server and the forwarder to it; `finish` starts the rest once it is ready."""
    _start(layout, "etcd", _etcd(layout))
    start_api_server(layout)
    forward = ["env", f"PYTHONPATH={HERE.parents[1]}", sys.executable, "-m", "e2e.lab.forward", str(layout.api_port)]
    processes.start(layout.folder, "forward", [*forward, netns(layout.first), layout.address(layout.first), "6443"])


def finish(layout: Layout) -> None:
    """Start what exits when RBAC's bootstrap roles are not there yet."""
    await_ready(layout)
    _start(layout, "kube-controller-manager", _controllers(layout))
    _start(layout, "kube-scheduler", _scheduler(layout))


def start_api_server(layout: Layout) -> None:
    _start(layout, "kube-apiserver", _api_server(layout))


def stop_api_server(layout: Layout) -> None:
    """As a crash."""
    processes.stop(layout.folder, "kube-apiserver")


def stop(layout: Layout) -> None:
    for program in PROGRAMS:
        processes.stop(layout.folder, program, signal.SIGKILL)


def await_ready(layout: Layout) -> None:
    """Wait for /readyz, which has no event to wait for before the API server is there."""
    deadline = time.monotonic() + READY_SECONDS
    environment = dict(os.environ, KUBECONFIG=str(layout.kubeconfig))
    while run(KUBE.folder / "kubectl", "get", "--raw", "/readyz", check=False, env=environment) != "ok":
        if processes.pid_of(layout.folder, "kube-apiserver") is None or time.monotonic() > deadline:
            log = (layout.folder / "kube-apiserver.log").read_text().splitlines()[-5:]
            raise LabError("the API server does not become ready:\n" + "\n".join(log))
        time.sleep(0.1)


def _start(layout: Layout, name: str, arguments: Sequence[str]) -> None:
    processes.start(layout.folder, name, in_netns(netns(layout.first), KUBE.folder / name, *arguments))


def _etcd(layout: Layout) -> list[str]:
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return [
        f"--data-dir={layout.folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        "--unsafe-no-fsync",  # the cluster does not outlive the machine
        "--log-level=warn",
    ]


def _api_server(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={layout.address(layout.first)}",
        "--secure-port=6443",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={layout.services}",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        f"--requestheader-client-ca-file={pki}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front.crt",
        f"--proxy-client-key-file={pki}/front.key",
        "--enable-aggregator-routing=true",
        "--profiling=false",
        "--v=1",
    ]


def _client(layout: Layout, name: str) -> list[str]:
    path = f"{layout.folder}/{name}.kubeconfig"
    same = [f"--{use}={path}" for use in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")]
    return [*same, "--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false", "--v=1"]


def _controllers(layout: Layout) -> list[str]:
    pki = layout.pki
    return [
        *_client(layout, "kube-controller-manager"),
        f"--client-ca-file={pki}/ca.crt",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--service-account-private-key-file={pki}/sa.key",
        "--use-service-account-credentials=true",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={layout.pods}",
        f"--service-cluster-ip-range={layout.services}",
        "--node-cidr-mask-size=24",
        "--node-monitor-grace-period=20s",
        "--node-monitor-period=2s",
    ]


def _scheduler(layout: Layout) -> list[str]:
    return _client(layout, "kube-scheduler")
