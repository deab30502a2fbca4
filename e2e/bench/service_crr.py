"""Connect, one request and its answer, close: to a ClusterIP among 10,000 Services, and straight to its backend.

Client and server are namespaces on one wire. Ours is the socket hook with full maps; beside it the rules that kube-proxy writes
for as many Services, in its iptables and nftables modes, in a client namespace of their own.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from bpf.attachments import CONNECT
from bpf.build import ensure as ensure_objects
from bpf.kernel import Kernel
from bpf.maps.services import (
    Backend,
    Frontend,
    Protocol,
    Service,
    ServiceEntries,
    entries,
)
from bpf.service_maps import ServiceMaps
from e2e.bench.report import Report, Samples, compare
from e2e.images.content import digest
from e2e.lab.paths import BINARIES
from e2e.lab.requirements import cgroup2_mount, check_root, ensure_packages

GOAL = 1.05
SOURCE = Path(__file__).with_name("crr.c")
PORT, SERVICE_PORT = 8080, 80
SERVER = "10.1.0.1"
Ask = Callable[[int], Samples]


def run(*, quick: bool) -> Report:
    check_root()
    ensure_packages()
    rounds, times, services = (3, 300, 1_000) if quick else (9, 4_000, 10_000)
    addresses = [str(IPv4Address("10.96.0.1") + number) for number in range(services)]
    target = addresses[services // 2]
    with ExitStack() as stack:
        wire = stack.enter_context(Wire.up())
        cgroup = stack.enter_context(programs(wire, addresses))
        wire.rules("iptables", ["iptables-legacy-restore"], iptables_rules(addresses))
        wire.rules("nftables", ["nft", "-f", "-"], nftables_rules(addresses))
        asks: dict[str, Ask] = {
            "ours": lambda count: wire.ask("plain", target, SERVICE_PORT, count, cgroup),
            "direct": lambda count: wire.ask("plain", SERVER, PORT, count),
            "kube-proxy iptables": lambda count: wire.ask("iptables", target, SERVICE_PORT, count),
            "kube-proxy nftables": lambda count: wire.ask("nftables", target, SERVICE_PORT, count),
        }
        found: dict[str, list[Samples]] = {name: [] for name in asks}
        for number in range(rounds):
            for name, ask in asks.items():
                found[name].append(ask(times))
            print(f"round {number + 1} of {rounds}")
    return compare("service-crr", "µs", found.pop("ours"), found, GOAL)


class Wire:
    """Three clients (plain, and one for each kind of rules) wired to a server."""

    def __init__(self, names: dict[str, str], binary: Path) -> None:
        self._names = names
        self._binary = binary

    @classmethod
    @contextmanager
    def up(cls) -> Iterator["Wire"]:
        names = {name: f"tulle-crr-{os.getpid()}-{name}" for name in ("server", "plain", "iptables", "nftables")}
        try:
            for name in names.values():
                subprocess.run(["ip", "netns", "add", name], check=True)
            for at, client in enumerate(("plain", "iptables", "nftables")):
                connect(names["server"], names[client], at)
            serve = ["ip", "netns", "exec", names["server"], ensure_binary(), "server", str(PORT)]
            with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
                try:
                    assert server.stdout is not None
                    assert server.stdout.readline() == "listening\n"
                    yield cls(names, ensure_binary())
                finally:
                    server.kill()
        finally:
            for name in names.values():
                subprocess.run(["ip", "netns", "delete", name], check=False)

    def rules(self, client: str, command: list[str], text: str) -> None:
        subprocess.run(["ip", "netns", "exec", self._names[client], *command], input=text, text=True, check=True)

    def ask(self, client: str, address: str, port: int, count: int, cgroup: Path | None = None) -> Samples:
        """Microseconds each. In `cgroup`, if one is given."""
        join = ["sh", "-c", f'echo $$ > "{cgroup}/cgroup.procs" && exec "$@"', "-"] if cgroup else []
        inside = ["ip", "netns", "exec", self._names[client]]
        command = [*join, *inside, self._binary, "client", address, str(port), str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [float(line) for line in done.stdout.split()]


def connect(server: str, client: str, number: int) -> None:
    """All traffic of the client goes to the server, whose address is the same for all."""
    device, own = f"client{number}", f"10.1.{number + 1}.2"
    lines = [
        f"link add up0 netns {client} type veth peer name {device} netns {server}",
        f"-n {client} addr add {own}/32 dev up0",
        f"-n {client} link set up0 up",
        f"-n {client} link set lo up",
        f"-n {client} route add default dev up0",
        f"-n {server} addr add {SERVER}/32 dev {device}",
        f"-n {server} link set {device} up",
        f"-n {server} route add {own}/32 dev {device} src {SERVER}",
    ]
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)


@contextmanager
def programs(wire: Wire, addresses: list[str]) -> Iterator[Path]:
    """A cgroup in which the Services are served by our programs."""
    cgroup = cgroup2_mount() / f"tulle-crr-{os.getpid()}"
    with TemporaryDirectory(prefix="tulle-crr-") as folder:
        subprocess.run(["mount", "-t", "bpf", "tulle-crr", folder], check=True)
        cgroup.mkdir()
        kernel = Kernel(Path(folder) / "tulle")
        try:
            kernel.load(ensure_objects() / "connect.o")
            fill(kernel, addresses)
            kernel.link_all(CONNECT, cgroup)
            yield cgroup
        finally:
            kernel.cleanup()
            cgroup.rmdir()
            subprocess.run(["umount", "--lazy", folder], check=False)


def fill(kernel: Kernel, addresses: list[str]) -> None:
    maps = ServiceMaps.of(kernel)
    for number, address in enumerate(addresses, 1):
        frontend = Frontend(IPv4Address(address), SERVICE_PORT, Protocol.TCP)
        service = Service(number, (frontend,), (Backend(IPv4Address(SERVER), PORT, 1),))
        maps.change(ServiceEntries(), entries(service))


def iptables_rules(addresses: list[str]) -> str:
    """Three chains' worth for each Service, as kube-proxy has them: the list of Services, the Service, its endpoint."""
    chains, rules = [":KUBE-SERVICES - [0:0]"], ["-A OUTPUT -j KUBE-SERVICES"]
    for number, address in enumerate(addresses):
        chains += [f":KUBE-SVC-{number} - [0:0]", f":KUBE-SEP-{number} - [0:0]"]
        rules += [
            f"-A KUBE-SERVICES -d {address}/32 -p tcp -m tcp --dport {SERVICE_PORT} -j KUBE-SVC-{number}",
            f"-A KUBE-SVC-{number} -j KUBE-SEP-{number}",
            f"-A KUBE-SEP-{number} -p tcp -m tcp -j DNAT --to-destination {SERVER}:{PORT}",
        ]
    return "\n".join(["*nat", *chains, *rules, "COMMIT", ""])


def nftables_rules(addresses: list[str]) -> str:
    """A verdict map by address, protocol and port; a chain for each Service and each endpoint."""
    lines = ["table ip kube-proxy {"]
    for number in range(len(addresses)):
        lines += [
            f"chain endpoint-{number} {{ meta l4proto tcp dnat to {SERVER}:{PORT}; }}",
            f"chain service-{number} {{ goto endpoint-{number}; }}",
        ]
    elements = ", ".join(
        f"{address} . tcp . {SERVICE_PORT} : goto service-{number}" for number, address in enumerate(addresses)
    )
    lines += [
        "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { " + elements + " }; }",
        "chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }",
        "chain nat-output { type nat hook output priority -100; jump services; }",
        "}",
        "",
    ]
    return "\n".join(lines)


def ensure_binary() -> Path:
    binary = BINARIES / f"crr-{digest(SOURCE.parent, [SOURCE])}"
    if not binary.exists():
        BINARIES.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", unfinished, SOURCE], check=True)
        unfinished.rename(binary)
    return binary
