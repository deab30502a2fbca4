"""A cluster: brought up as a whole or not at all, found again by name, taken down without a trace."""

import string
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Self

from e2e.lab import build, cgroups, control_plane, images, network, node, pki, requirements, state
from e2e.lab.build import KUBE
from e2e.lab.errors import LabError
from e2e.lab.interrupts import held_back
from e2e.lab.layout import Cni, Layout, netns
from e2e.lab.paths import HERE
from e2e.lab.run import Word, run

Report = Callable[[str], None]
POD_RANGES = r'jsonpath={range .items[*]}{.metadata.name}={.spec.podCIDR}{"\n"}{end}'
NODES_SECONDS = 90


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
        requirements.check_machine(nodes)
        cluster = cls(state.claim(name, nodes, cni, kube_proxy=kube_proxy, number=number))
        try:
            build.ensure(report=report)
            cluster._start(images.ensure(), report)
        except BaseException:
            report("failed; taking down what was made")
            with held_back():
                cluster.down()
            raise
        return cluster

    @classmethod
    def load(cls, name: str) -> Self:
        """A cluster that is up."""
        return cls(state.read(name))

    def _start(self, archives: list[Path], report: Report) -> None:
        layout = self.layout
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
        values = {
            "image": images.DNS,
            "address": self.layout.dns_service,
            "api": self.layout.address(self.layout.first),
        }
        self.kubectl("apply", "-f", "-", input=manifest.substitute(values))

    def _connect_pods(self) -> dict[str, str]:
        """Routes between the nodes' pods, once the controllers have given every node its range."""
        ranges = self._await_pod_ranges()
        for one in self.nodes:
            network.route_pods(one, ranges, self.nodes)
        return ranges

    def _await_pod_ranges(self) -> dict[str, str]:
        deadline = time.monotonic() + NODES_SECONDS
        while True:
            lines = self.kubectl("get", "nodes", "-o", POD_RANGES, check=False).splitlines()
            ranges = {name: pods for name, _, pods in (line.partition("=") for line in lines) if pods}
            if len(ranges) == len(self.nodes):
                return ranges
            for one in self.nodes.keys() - ranges.keys():
                if time.monotonic() > deadline or not node.runs(self.layout, one):
                    raise LabError(f"node {one} does not come up:\n{node.last_words(self.layout, one)}")
            time.sleep(0.1)

    def down(self) -> None:
        """End every process and remove every trace. What is not there is fine; what fails does not keep the rest."""
        steps: list[Callable[[], None]] = [partial(node.kill, self.layout, one) for one in self.nodes]
        steps += [partial(control_plane.stop, self.layout)]
        steps += [partial(network.unplug, netns(one)) for one in self.nodes]
        steps += [partial(cgroups.remove, one) for one in self.nodes]
        failures = [failure for step in steps if (failure := _failure_of(step))]
        if failures:
            raise LabError("\n".join([*failures, f"try again: e2e/lab/lab down {self.layout.name}"]))
        state.forget(self.layout)

    def kubectl(self, *arguments: Word, input: str | None = None, check: bool = True) -> str:  # noqa: A002
        return run(*self.kubectl_command(*arguments), check=check, input=input)

    def kubectl_command(self, *arguments: Word) -> list[str]:
        own = (f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.layout.folder}/kubectl")
        return [str(KUBE.folder / "kubectl"), *own, *(str(word) for word in arguments)]

    def kill(self, name: str) -> None:
        """End all processes of a node at once, as a power failure would."""
        node.kill(self.layout, self._known(name))

    def start(self, name: str) -> None:
        """Start a node that was killed; it is Ready when the API says so."""
        node.start(self.layout, self._known(name), images.ensure())

    def runs(self, name: str) -> bool:
        return node.runs(self.layout, self._known(name))

    def load_image(self, archive: Path) -> None:
        """Into every node at once."""
        if not archive.is_file():
            raise LabError(f"there is no file {archive}")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: node.load_image(self.layout, one, archive.resolve()), self.nodes))

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


def of_node(name: str) -> Cluster:
    """The cluster that a node belongs to."""
    for cluster in map(Cluster.load, state.names()):
        if name in cluster.nodes:
            return cluster
    raise LabError(f"no cluster has a node {name}")


def _failure_of(step: Callable[[], None]) -> str | None:
    try:
        step()
    except (LabError, OSError) as error:
        return str(error)
    return None
