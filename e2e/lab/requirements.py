"""What a machine must have; packages are installed where we may, everything else is said."""

import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from e2e.lab.errors import LabError
from e2e.lab.paths import CACHE
from e2e.lab.run import run, succeeds

PACKAGES = {  # package → a file that it brings
    "conntrack": "/usr/sbin/conntrack",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "gcc": "/usr/bin/gcc",
    "iproute2": "/usr/sbin/ip",
    "iptables": "/usr/sbin/iptables",
    "libc6-dev": "/usr/include/stdlib.h",
    "nftables": "/usr/sbin/nft",
    "procps": "/usr/sbin/sysctl",
    "runc": "/usr/sbin/runc",
}
FREE_GIB = 6
INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
# Counted: kubelet 6, containerd 2, kube-proxy 1; API server 6, controllers 6. The rest is for pods.
INOTIFY_PER_NODE, INOTIFY_PER_CLUSTER = 10, 14


def check_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the embedded cluster needs root: it makes namespaces, mounts and cgroups")


def check_machine(nodes: int = 0) -> None:
    """Everything that must hold before anything is made, for a cluster of so many nodes."""
    check_root()
    cgroup2_mount()
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free / 2**30
    if free < FREE_GIB:
        raise LabError(f"{CACHE} has {free:.1f} GiB free; {FREE_GIB} are needed (TULLE_CACHE names another place)")
    if nodes:
        _check_inotify(nodes)
    ensure_packages()


def cgroup2_mount() -> Path:
    """Where cgroup2 is mounted, alone or beside cgroup1, and may be written."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            if not os.access(where, os.W_OK):
                raise LabError(f"cgroup2 is mounted read-only: mount -o remount,rw {where}")
            return Path(where)
    raise LabError("cgroup2 is not mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup")


def ensure_packages() -> None:
    """Install what is missing; root is checked before."""
    install([package for package, file in PACKAGES.items() if not Path(file).exists()])


def install(missing: Sequence[str]) -> None:
    """Debian's packages of these names, by apt-get, as root."""
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"missing, by the names of Debian's packages: {' '.join(missing)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not all(succeeds("apt-cache", "show", package) for package in missing):
        run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environment)


def port_is_free(port: int) -> bool:
    """Of the machine's loopback, where the forwarder to an API server listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _check_inotify(nodes: int) -> None:
    limit = int(INOTIFY_LIMIT.read_text())
    used, needed = _inotify_instances(), nodes * INOTIFY_PER_NODE + INOTIFY_PER_CLUSTER
    if used + needed > limit:
        raise LabError(
            f"{nodes} nodes need {needed} inotify instances, of which {limit - used} are free: "
            f"sysctl -w fs.inotify.max_user_instances={max(1024, 2 * (used + needed))}"
        )


def _inotify_instances() -> int:
    """How many all processes hold; those of other users count against other limits, but hardly exist."""
    count = 0
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            count += handle.readlink() == Path("anon_inode:inotify")
        except OSError:  # ended, or closed it
            continue
    return count
