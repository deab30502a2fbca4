"""A node: pid 1 of its own namespaces, with containerd, a kubelet and, where wanted, kube-proxy."""

import hashlib
import json
import shlex
import shutil
import signal
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from e2e.lab import cgroups, processes
from e2e.lab.build import KUBE, RUNC, RUNTIME
from e2e.lab.errors import LabError
from e2e.lab.images import PAUSE
from e2e.lab.layout import Layout, netns
from e2e.lab.paths import HERE
from e2e.lab.run import Word, in_netns, run

CNI_PLUGINS = Path("/usr/lib/cni")
NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


def start(layout: Layout, node: str, images: Sequence[Path]) -> None:
    """Start a node; one that was killed comes back with its containers' images and its identity."""
    if runs(layout, node):
        raise LabError(f"node {node} is running")
    folder = layout.node_folder(node)
    for part in ("lib/kubelet", "lib/containerd", "lib/cni", "log", "cni", "cnibin", "etc"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _write_configuration(layout, node)
    for plugin in CNI_PLUGINS.iterdir():
        shutil.copy(plugin, folder / "cnibin" / plugin.name)
    init = folder / "init.sh"
    init.write_text(_init_script(layout, node, images))
    init.chmod(0o755)
    group = cgroups.ensure(node)
    isolate = ("unshare", *NAMESPACES, "--fork", "--kill-child", "--mount-proc", init)
    command = " ".join(shlex.quote(str(word)) for word in in_netns(netns(node), *isolate))
    # the new cgroup namespace has its root where the process is when it is made
    processes.start(folder, "node", ["bash", "-c", f"echo $$ > {group}/cgroup.procs; exec {command}"])


def kill(layout: Layout, node: str) -> None:
    """As a power failure: every process of the node at once."""
    inside = _pid(layout, node)
    if inside is not None:
        processes.end(inside, signal.SIGKILL)
    processes.stop(layout.node_folder(node), "node")


def runs(layout: Layout, node: str) -> bool:
    return processes.pid_of(layout.node_folder(node), "node") is not None


def last_words(layout: Layout, node: str) -> str:
    """The ends of its logs."""
    folder = layout.node_folder(node)
    logs = [folder / "node.log", *sorted(folder.glob("log/*.log"))]
    ends = [f"{log}: {line}" for log in logs if log.exists() for line in log.read_text().splitlines()[-3:]]
    return "\n".join(ends)


def _pid(layout: Layout, node: str) -> int | None:
    """Of the node's pid 1, as the machine numbers it."""
    outside = processes.pid_of(layout.node_folder(node), "node")
    return processes.only_child(outside) if outside else None


def enter(layout: Layout, node: str, *command: Word) -> list[str]:
    """The command as it runs inside the node, where the node's own programs (ctr, kubectl) are found by name."""
    inside = _pid(layout, node)
    if inside is None:
        raise LabError(f"node {node} is not running: e2e/lab/lab start {node}")
    return [
        "nsenter",
        f"--target={inside}",
        "--mount",
        "--pid",
        "--uts",
        "--ipc",
        "--net",
        "--cgroup",
        "env",
        f"PATH={RUNTIME.folder}:{KUBE.folder}:/usr/sbin:/usr/bin:/sbin:/bin",
        *(str(word) for word in command),
    ]


def load_image(layout: Layout, node: str, archive: Path) -> None:
    """Import an OCI archive into the node's containerd."""
    run(*enter(layout, node, "ctr", "-n", "k8s.io", "images", "import", archive))


def connect_pods(layout: Layout, node: str, pods: str) -> None:
    """Write the CNI configuration, which makes the node Ready. `pods` is the node's pod CIDR."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    ptp = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    plugins = [bridge if layout.cni == "bridge" else ptp, {"type": "portmap", "capabilities": {"portMappings": True}}]
    network = {"cniVersion": "0.4.0", "name": "lab", "plugins": plugins}
    (layout.node_folder(node) / "cni/10-lab.conflist").write_text(json.dumps(network))


def _write_configuration(layout: Layout, node: str) -> None:
    folder = layout.node_folder(node)
    for name, text in _etc(layout, node).items():
        (folder / "etc" / name).write_text(text)
    runtime = string.Template((HERE / "containerd.toml").read_text())
    (folder / "containerd.toml").write_text(runtime.substitute(pause=PAUSE, runc=RUNC.folder / "runc-lab"))
    (folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(layout)))
    (folder / "kube-proxy.yaml").write_text(yaml.safe_dump(_kube_proxy(layout, node)))


def _etc(layout: Layout, node: str) -> dict[str, str]:
    """What tells one machine from another."""
    names = "".join(f"{address} {name}\n" for name, address in layout.addresses.items())
    return {
        "hostname": f"{node}\n",
        "hosts": f"127.0.0.1 localhost\n{names}",
        "machine-id": f"{hashlib.sha256(node.encode()).hexdigest()[:32]}\n",
        "resolv.conf": f"nameserver {layout.dns_service}\n",
    }


def _kubelet(layout: Layout) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("nodefs.available", "imagefs.available", "nodefs.inodesFree", "imagefs.inodesFree", "memory.available"), "0%"
    )
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,  # the controllers that it wants may be on cgroup1
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,
        "failSwapOn": False,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{layout.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDomain": "cluster.local",
        "clusterDNS": [layout.dns_service],
        "resolvConf": "/etc/resolv.conf",
        "imageGCHighThresholdPercent": 100,
        "evictionHard": nothing,  # the machine's disk is not the cluster's to judge
        "nodeStatusUpdateFrequency": "5s",
        "nodeLeaseDurationSeconds": 10,
        "serializeImagePulls": False,
    }


def _kube_proxy(layout: Layout, node: str) -> dict[str, Any]:
    keep = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{layout.folder}/kube-proxy.kubeconfig"},
        "mode": "nftables",
        "clusterCIDR": layout.pods,
        "hostnameOverride": node,
        "oomScoreAdj": 0,
        "conntrack": keep,  # machine-wide settings stay as they are
    }


def _init_script(layout: Layout, node: str, images: Sequence[Path]) -> str:
    template = string.Template((HERE / "init.sh").read_text())
    return template.safe_substitute(
        {
            "NODE": node,
            "FOLDER": layout.node_folder(node),
            "KUBE": KUBE.folder,
            "RUNTIME": RUNTIME.folder,
            "IMAGES": " ".join(str(image) for image in images),
            "ADDRESS": layout.address(node),
            "PROXY": "yes" if layout.kube_proxy else "",
        }
    )
