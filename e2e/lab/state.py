"""Which clusters there are: a folder each, whose record claims a name and a number."""

import dataclasses
import json
import shutil

from e2e.lab import network, requirements
from e2e.lab.errors import LabError
from e2e.lab.layout import MOST_CLUSTERS, Cni, Layout, check_number, check_size, netns
from e2e.lab.locks import alone
from e2e.lab.paths import CLUSTERS


def names() -> list[str]:
    """Of all clusters that were brought up and not taken down."""
    return sorted(path.parent.name for path in CLUSTERS.glob("*/cluster.json"))


def read(name: str) -> Layout:
    try:
        record = json.loads((CLUSTERS / name / "cluster.json").read_text())
    except FileNotFoundError as error:
        raise LabError(f"there is no cluster {name}; there is: {', '.join(names()) or 'none'}") from error
    return Layout(**record)


def claim(name: str, nodes: int, cni: Cni, *, kube_proxy: bool, number: int) -> Layout:
    """Write down a new cluster, so that no other takes its name or number; number 0 takes a free one."""
    check_size(name, nodes)
    with alone(CLUSTERS / ".lock"):
        if (CLUSTERS / name / "cluster.json").exists():
            raise LabError(f"there is a cluster {name} already; to remove it: e2e/lab/lab down {name}")
        layout = Layout(name, number or _free_number(), nodes, cni, kube_proxy)
        _check_free(layout)
        layout.folder.mkdir(parents=True, exist_ok=True)
        _write(layout)
    return layout


def forget(layout: Layout) -> None:
    """Remove a cluster's folder, its record last: as long as that is there, `down` can be tried again."""
    for path in layout.folder.glob("*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "cluster.json":
            path.unlink()
    if layout.folder.exists():
        shutil.rmtree(layout.folder)


def _write(layout: Layout) -> None:
    unfinished = layout.folder / "cluster.json.new"
    unfinished.write_text(json.dumps(dataclasses.asdict(layout)))
    unfinished.rename(layout.folder / "cluster.json")


def _free_number() -> int:
    taken = {read(name).number for name in names()} | network.numbers()
    for number in range(1, MOST_CLUSTERS + 1):
        if number not in taken and requirements.port_is_free(Layout("", number, 1).api_port):
            return number
    raise LabError(f"all {MOST_CLUSTERS} cluster numbers are taken; e2e/lab/lab list shows by whom")


def _check_free(layout: Layout) -> None:
    """Each address and name that the cluster needs, before anything of it is made."""
    check_number(layout.number)
    for other in map(read, names()):
        if other.number == layout.number:
            raise LabError(f"cluster {other.name} has number {layout.number}; leave --id out for a free one")
    if layout.number in network.numbers():
        raise LabError(f"the addresses 172.30.{layout.number}.0/24 are in use; leave --id out for free ones")
    if not requirements.port_is_free(layout.api_port):
        raise LabError(f"127.0.0.1:{layout.api_port} is in use; leave --id out for a free cluster number")
    for node in layout.nodes:
        if network.exists(netns(node)):
            raise LabError(f"there is a network namespace {netns(node)} that is not ours: ip netns del {netns(node)}")
