"""What a machine must have; packages are installed where we may, everything else is said."""

import os
import shutil
import socket
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
    "runc": "/usr/sbin/runc",
}
FREE_GIB = 6


def check_machine() -> None:
    """Everything that must hold before anything is made."""
    if os.geteuid() != 0:
        raise LabError("the embedded cluster needs root: it makes namespaces, mounts and cgroups")
    cgroup2_mount()
    CACHE.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(CACHE).free / 2**30
    if free < FREE_GIB:
        raise LabError(f"{CACHE} has {free:.1f} GiB free; {FREE_GIB} are needed (TULLE_CACHE names another place)")
    ensure_packages()


def cgroup2_mount() -> Path:
    """Where cgroup2 is mounted: alone, or beside cgroup1."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise LabError("cgroup2 is not mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup")


def ensure_packages() -> None:
    """Install what is missing; root is checked before."""
    missing = [package for package, file in PACKAGES.items() if not Path(file).exists()]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"missing, by the names of Debian's packages: {' '.join(missing)}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not succeeds("apt-cache", "show", missing[0]):
        run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environment)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(f"127.0.0.1:{port} is in use; choose another cluster number with --id") from error
