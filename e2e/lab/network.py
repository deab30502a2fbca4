"""The fabric: a bridge in a namespace of its own that connects the nodes of all clusters and the clients."""

import json
import re
from pathlib import Path

from e2e.lab.layout import GATEWAY, PREFIX, Layout, netns
from e2e.lab.locks import alone
from e2e.lab.paths import CLUSTERS
from e2e.lab.run import in_netns, run

FABRIC = f"{PREFIX}fabric"
NAMES = Path("/run/netns")
LOCK = CLUSTERS / ".fabric.lock"
NODE_PORT = re.compile(r"n(\d+)-\d+")


def exists(name: str) -> bool:
    return (NAMES / name).exists()


def numbers() -> set[int]:
    """Of the clusters that have nodes on the fabric."""
    if not exists(FABRIC):
        return set()
    links = json.loads(run("ip", "-n", FABRIC, "-json", "link", "show") or "[]")
    found = (NODE_PORT.fullmatch(link["ifname"]) for link in links)
    return {int(match[1]) for match in found if match}


def plug(name: str, address: str, port: str) -> None:
    """Make a namespace with `eth0` at `address` on the fabric; `port` names the other end, 15 characters at most."""
    with alone(LOCK):
        _ensure_fabric()
        run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", FABRIC, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "-n", FABRIC, "link", "set", port, "master", "br0")
    run("ip", "-n", FABRIC, "link", "set", port, "up")
    run("ip", "-n", name, "addr", "add", f"{address}/16", "dev", "eth0")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "route", "add", "default", "via", GATEWAY)


def unplug(name: str) -> None:
    """Remove a namespace, and the fabric with the last one. Absent is fine."""
    with alone(LOCK):
        if exists(name):
            run("ip", "netns", "del", name)
        if exists(FABRIC) and not any(path.name.startswith(PREFIX) and path.name != FABRIC for path in NAMES.iterdir()):
            run("ip", "netns", "del", FABRIC)


def plug_node(layout: Layout, node: str) -> None:
    plug(netns(node), layout.address(node), f"n{layout.number}-{layout.nodes.index(node)}")
    run(*in_netns(netns(node), "sysctl", "-qw", "net.ipv4.ip_forward=1"))


def route_pods(node: str, ranges: dict[str, str], addresses: dict[str, str]) -> None:
    """Routes from `node` to the pods of all others; `ranges` are their pod CIDRs."""
    for other, cidr in ranges.items():
        if other != node:
            run("ip", "-n", netns(node), "route", "replace", cidr, "via", addresses[other])


def _ensure_fabric() -> None:
    """The bridge's address comes last: with it the fabric is whole, without it an earlier attempt was cut off."""
    if exists(FABRIC):
        if GATEWAY in run("ip", "-n", FABRIC, "-brief", "address", "show"):
            return
        run("ip", "netns", "del", FABRIC)
    run("ip", "netns", "add", FABRIC)
    run("ip", "-n", FABRIC, "link", "set", "lo", "up")
    run("ip", "-n", FABRIC, "link", "add", "br0", "type", "bridge")
    run("ip", "-n", FABRIC, "link", "set", "br0", "up")
    run("ip", "-n", FABRIC, "addr", "add", f"{GATEWAY}/16", "dev", "br0")
