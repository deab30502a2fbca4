"""What a cluster is: names and addresses, all derived from its name and number. Pure."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from e2e.lab.errors import LabError
from e2e.lab.paths import CLUSTERS

Cni = Literal["bridge", "ptp"]
GATEWAY = "172.30.0.1"
PREFIX = "tulle-"  # of every network namespace, to keep them apart from the user's own
LONGEST_NAME = 32
NAME = re.compile(rf"[a-z](?:[a-z0-9-]{{0,{LONGEST_NAME - 2}}}[a-z0-9])?")
MOST_NODES = 100
MOST_CLUSTERS = 9


@dataclass(frozen=True)
class Layout:
    """Cluster number N has nodes 172.30.N.11 and up, pods 10.24N.0.0/16, services 10.9N.0.0/16; its API is 127.0.0.1:1N443 from outside.

    172.30.N.200 to .239 are free for load balancers, .250 and up for clients.
    """

    name: str
    number: int
    node_count: int
    cni: Cni = "bridge"
    kube_proxy: bool = True

    @property
    def folder(self) -> Path:
        return CLUSTERS / self.name

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-n{i + 1}" for i in range(self.node_count))

    @property
    def first(self) -> str:
        """The node whose network the control plane uses."""
        return self.nodes[0]

    def address(self, node: str) -> str:
        return f"172.30.{self.number}.{11 + self.nodes.index(node)}"

    @property
    def addresses(self) -> dict[str, str]:
        return {node: self.address(node) for node in self.nodes}

    @property
    def pods(self) -> str:
        return f"10.24{self.number}.0.0/16"

    @property
    def services(self) -> str:
        return f"10.9{self.number}.0.0/16"

    @property
    def api_service(self) -> str:
        return f"10.9{self.number}.0.1"

    @property
    def dns_service(self) -> str:
        return f"10.9{self.number}.0.10"

    @property
    def api_port(self) -> int:
        """Of the forwarder, on the machine's loopback."""
        return 10443 + 1000 * self.number

    @property
    def api_inside(self) -> str:
        return f"https://{self.address(self.first)}:6443"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    def node_folder(self, node: str) -> Path:
        return self.folder / node


def netns(node: str) -> str:
    """The network namespace of a node or client."""
    return f"{PREFIX}{node}"


def check_size(name: str, nodes: int) -> None:
    """The name is part of host names, network namespaces and folders."""
    if not NAME.fullmatch(name):
        raise LabError(
            f"cluster name {name!r}: {LONGEST_NAME} small letters, digits and hyphens at most, a letter first"
        )
    if not 1 <= nodes <= MOST_NODES:
        raise LabError(f"{nodes} nodes: a cluster has 1 to {MOST_NODES}")


def check_number(number: int) -> None:
    if not 1 <= number <= MOST_CLUSTERS:
        raise LabError(f"cluster number {number}: there are 1 to {MOST_CLUSTERS}")
