"""A cluster: brought up as a whole or not at all, found again by name, taken down without a trace."""

import dataclasses
import json
import os
import shutil
import string
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from e2e.lab import build, cgroups, control_plane, images, network, node, pki, requirements
from e2e.lab.build import KUBE
from e2e.lab.errors import LabError
from e2e.lab.layout import MOST_CLUSTERS, Cni, Layout, netns
from e2e.lab.paths import CLUSTERS, HERE
from e2e.lab.run import Word, run

Report = Callable[[str], None]
POD_RANGES = r'jsonpath={range .items[*]}{.metadata.name}={.spec.podCIDR}{"\n"}{end}'
NODES_SECONDS = 60


class Cluster:
    """Made by `up` or `load`."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.kubeconfig = layout.kubeconfig
        self.nodes = layout.addresses

    @classmethod
    def up(
        cls,
        name: str,
        nodes: int = 2,
        cni: Cni = "bridge",
        *,
        kube_proxy: bool = True,
        number: int = 0,
        report: Report = print,
    ) -> Self:
        """Return when all nodes are Ready and DNS answers; on any failure, leave nothing behind."""
        requirements.check_machine()
        if (CLUSTERS / name).exists():
            raise LabError(f"there is a cluster {name} already: e2e/lab/lab down {name}")
        build.ensure(report=report)
        archives = images.ensure()
        layout = Layout(name, number or free_number(), nodes, cni, kube_proxy)
        requirements.check_port(layout.api_port)
        cluster = cls(layout)
        try:
            cluster._start(archives, report)
        except BaseException:
            report("failed; taking down what was made")
            cluster.down()
            raise
        return cluster

    @classmethod
    def load(cls, name: str) -> Self:
        """A cluster that is up."""
        try:
            record = json.loads((CLUSTERS / name / "cluster.json").read_text())
        except FileNotFoundError as error:
            raise LabError(f"there is no cluster {name}; there is: {', '.join(names()) or 'none'}") from error
        return cls(Layout(**record))

    def _start(self, archives: list[Path], report: Report) -> None:
        layout = self.layout
        layout.folder.mkdir(parents=True)
        (layout.folder / "cluster.json").write_text(json.dumps(dataclasses.asdict(layout)))
        report("certificates")
        pki.make(layout)
        report("networks")
        for one in layout.nodes:
            network.plug_node(layout, one)
        report("control plane and nodes")
        control_plane.start(layout)
        for one in layout.nodes:
            node.start(layout, one, archives)
        control_plane.finish(layout)
        report("pod networks and DNS")
        self._deploy_dns()
        for one, pods in self._connect_pods().items():
            node.connect_pods(layout, one, pods)
        self.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s")
        self.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
        report(f"cluster {layout.name} is ready: export KUBECONFIG={layout.kubeconfig}")

    def _deploy_dns(self) -> None:
        manifest = string.Template((HERE / "coredns.yaml").read_text())
        self.kubectl("apply", "-f", "-", input=manifest.substitute(image=images.DNS, address=self.layout.dns_service))

    def _connect_pods(self) -> dict[str, str]:
        """Routes between the nodes' pods, once the controllers have given every node its range."""
        deadline = time.monotonic() + NODES_SECONDS
        while True:
            lines = self.kubectl("get", "nodes", "-o", POD_RANGES, check=False).splitlines()
            ranges = {name: pods for name, _, pods in (line.partition("=") for line in lines) if pods}
            if len(ranges) == len(self.nodes):
                break
            if time.monotonic() > deadline:
                raise LabError(
                    f"nodes without a range of pod addresses: {sorted(self.nodes.keys() - ranges.keys())}; see {self.layout.folder}"
                )
            time.sleep(0.1)
        for one in self.nodes:
            network.route_pods(one, ranges, self.nodes)
        return ranges

    def down(self) -> None:
        """End every process and remove every trace. What is not there is fine."""
        for one in self.nodes:
            node.kill(self.layout, one)
        control_plane.stop(self.layout)
        for one in self.nodes:
            network.unplug(netns(one))
            cgroups.remove(one)
        shutil.rmtree(self.layout.folder, ignore_errors=True)

    def kubectl(self, *arguments: Word, input: str | None = None, check: bool = True) -> str:  # noqa: A002
        return run(*self.kubectl_command(*arguments), check=check, input=input)

    def kubectl_command(self, *arguments: Word) -> list[str]:
        return [str(KUBE.folder / "kubectl"), f"--kubeconfig={self.kubeconfig}", *(str(word) for word in arguments)]

    def kill(self, name: str) -> None:
        node.kill(self.layout, self._known(name))

    def start(self, name: str) -> None:
        node.start(self.layout, self._known(name), images.ensure())

    def load_image(self, archive: Path) -> None:
        """Into every node at once."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: node.load_image(self.layout, one, archive), self.nodes))

    def shell(self, name: str, *command: Word) -> str:
        """The output of a command inside a node."""
        return run(*node.enter(self.layout, self._known(name), *command))

    def interactive(self, name: str, *command: Word) -> int:
        return subprocess.run(
            node.enter(self.layout, self._known(name), *(command or ("bash",))), check=False
        ).returncode

    def stop_api_server(self) -> None:
        control_plane.stop_api_server(self.layout)

    def start_api_server(self) -> None:
        control_plane.start_api_server(self.layout)
        control_plane.await_ready(self.layout)

    def _known(self, name: str) -> str:
        if name not in self.nodes:
            raise LabError(f"cluster {self.layout.name} has no node {name}; it has {', '.join(self.nodes)}")
        return name


def names() -> list[str]:
    """Of all clusters that are up."""
    return sorted(path.parent.name for path in CLUSTERS.glob("*/cluster.json"))


def of_node(name: str) -> Cluster:
    """The cluster that a node belongs to."""
    for cluster in map(Cluster.load, names()):
        if name in cluster.nodes:
            return cluster
    raise LabError(f"no cluster has a node {name}")


def free_number() -> int:
    used = {Cluster.load(name).layout.number for name in names()}
    free = [number for number in range(1, MOST_CLUSTERS + 1) if number not in used]
    if not free:
        raise LabError(f"{MOST_CLUSTERS} clusters are up, which is all that fit the addresses")
    return free[0]


def environment(cluster: Cluster) -> dict[str, str]:
    return dict(os.environ, KUBECONFIG=str(cluster.kubeconfig))
