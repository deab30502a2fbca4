"""Service addresses are served by real sockets of a process in the node's cgroup, and nobody else notices anything."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from bpf.attachments import CONNECT
from bpf.build import ensure
from bpf.kernel import Kernel
from bpf.maps.services import (
    Backend,
    Frontend,
    Protocol,
    Service,
    ServiceEntries,
    entries,
)
from bpf.maps.services import Counter as Counted
from bpf.service_maps import ServiceMaps
from e2e.lab.requirements import cgroup2_mount
from tests.bpf.bpffs import mounted
from tests.netns.namespace import new_namespace

pytestmark = pytest.mark.root
CLIENT = Path(__file__).parent / "clients.py"
SERVICE, SERVICE6 = "10.96.0.10", "fd00:96::10"
PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP}


class Server:
    """Answers with its name, whatever it is asked."""

    def __init__(self, name: str, kind: str, address: str) -> None:
        self.name = name
        self._socket = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM,
        )
        self._socket.bind((address, 0))
        self.address, self.port = self._socket.getsockname()[:2]
        if kind == "tcp":
            self._socket.listen()
        self._thread = threading.Thread(target=self._accept if kind == "tcp" else self._datagrams, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR) if self._socket.type == socket.SOCK_STREAM else None
        self._socket.close()

    def _accept(self) -> None:
        try:
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
        except OSError:
            return

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(1024):
                connection.send(self.name.encode())

    def _datagrams(self) -> None:
        try:
            while True:
                _, client = self._socket.recvfrom(1024)
                self._socket.sendto(self.name.encode(), client)
        except OSError:
            return


class Node:
    """Loopback of a namespace, a cgroup, and the programs on it."""

    def __init__(self, kernel: Kernel, cgroup: Path, resources: ExitStack) -> None:
        self.kernel = kernel
        self.cgroup = cgroup
        self._resources = resources
        self.maps = ServiceMaps.of(kernel)
        self._written: dict[int, ServiceEntries] = {}

    def serve(self, name: str, kind: str, address: str = "127.0.0.1") -> Server:
        server = Server(name, kind, address)
        self._resources.callback(server.close)
        return server

    def publish(self, number: int, kind: str, address: str, *servers: Server, affinity: int = 0) -> None:
        frontend = Frontend(ip_address(address), 80, PROTOCOLS[kind])
        backends = [Backend(ip_address(one.address), one.port, 1 + ord(one.name)) for one in servers]
        wanted = entries(Service(number, (frontend,), tuple(backends), affinity))
        self.maps.change(self._written.get(number, ServiceEntries()), wanted)
        self._written[number] = wanted

    def client(self, *, outside: bool = False) -> "Client":
        client = Client(None if outside else self.cgroup)
        self._resources.callback(client.close)
        return client


class Client:
    def __init__(self, cgroup: Path | None) -> None:
        join = ["sh", "-c", f'echo $$ > "{cgroup}/cgroup.procs" && exec "$@"', "-"] if cgroup else []
        command = [*join, sys.executable, str(CLIENT)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, *words: object):
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@contextmanager
def own_cgroup() -> Iterator[Path]:
    cgroup = cgroup2_mount() / f"tulle-test-{os.getpid()}"
    cgroup.mkdir()
    try:
        yield cgroup
    finally:
        cgroup.rmdir()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with new_namespace(), mounted(tmp_path / "bpf") as root, own_cgroup() as cgroup, ExitStack() as resources:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        kernel = Kernel(root / "tulle")
        resources.callback(kernel.cleanup)
        kernel.load(ensure() / "connect.o")
        kernel.link_all(CONNECT, cgroup)
        yield Node(kernel, cgroup, resources)


FAMILIES = pytest.mark.parametrize(
    ("service", "loopback"), [(SERVICE, "127.0.0.1"), (SERVICE6, "::1")], ids=["v4", "v6"]
)


@FAMILIES
def test_a_connection_is_served_by_a_backend_and_shows_the_service(node: Node, service: str, loopback: str):
    node.publish(1, "tcp", service, node.serve("a", "tcp", loopback))
    client = node.client()

    assert client.do("connect", "c", "tcp", service, 80) == [service, 80]
    assert client.do("ask", "c", "?") == "a"


@FAMILIES
def test_datagrams_seem_to_come_from_the_service(node: Node, service: str, loopback: str):
    node.publish(1, "udp", service, node.serve("a", "udp", loopback))
    client = node.client()

    assert client.do("send", "u", "udp", service, 80) == ["a", [service, 80]]
    assert client.do("connect", "c", "udp", service, 80) == [service, 80]
    assert client.do("ask", "c", "?") == "a"


def test_what_happened_is_counted(node: Node):
    node.publish(1, "tcp", SERVICE, node.serve("a", "tcp"))
    node.publish(2, "tcp", "10.96.0.20")
    client = node.client()
    for _ in range(3):
        client.do("connect", "c", "tcp", SERVICE, 80)
    client.do("connect", "c", "tcp", "10.96.0.20", 80)

    counts = node.kernel.counts("counters", len(Counted))
    assert counts == [3, 1, 0, 0]
    assert (Counted.TRANSLATED, Counted.REFUSED) == (0, 1)


def test_all_backends_get_their_share(node: Node):
    node.publish(1, "tcp", SERVICE, *(node.serve(name, "tcp") for name in "abc"))
    client = node.client()
    answers: Counter[str] = Counter()
    for number in range(300):
        client.do("connect", f"c{number}", "tcp", SERVICE, 80)
        answers[client.do("ask", f"c{number}", "?")] += 1

    assert answers.keys() == set("abc")
    assert min(answers.values()) > 50, "a share of a hundred; as few as this in one of 10^9 runs"


def test_with_affinity_a_client_stays_with_its_backend_while_that_is_there(node: Node):
    servers = [node.serve(name, "tcp") for name in "abc"]
    node.publish(1, "tcp", SERVICE, *servers, affinity=600)
    client = node.client()

    def answers(times: int) -> set[str]:
        found = set()
        for _ in range(times):
            client.do("connect", "c", "tcp", SERVICE, 80)
            found.add(client.do("ask", "c", "?"))
        return found

    (first,) = answers(20)
    node.publish(1, "tcp", SERVICE, *reversed(servers), affinity=600)
    assert answers(20) == {first}, "whichever slot it is in"
    node.publish(1, "tcp", SERVICE, *(one for one in servers if one.name != first), affinity=600)
    (second,) = answers(20)
    assert second != first


def test_a_service_without_backends_is_refused_at_once(node: Node):
    node.publish(1, "tcp", SERVICE)
    assert node.client().do("connect", "c", "tcp", SERVICE, 80) == {"errno": errno.ECONNREFUSED}
    node.publish(2, "udp", SERVICE)
    assert node.client().do("send", "u", "udp", SERVICE, 80) == {"errno": errno.ECONNREFUSED}


def test_what_is_no_service_is_left_alone(node: Node):
    server = node.serve("a", "tcp")
    client = node.client()
    node.publish(1, "udp", "127.0.0.1", node.serve("b", "udp"))

    assert client.do("connect", "c", "tcp", "127.0.0.1", server.port) == ["127.0.0.1", server.port]
    assert client.do("ask", "c", "?") == "a"


def test_who_is_not_in_the_nodes_cgroup_is_not_served(node: Node):
    node.publish(1, "tcp", SERVICE, node.serve("a", "tcp"))

    answer = node.client(outside=True).do("connect", "c", "tcp", SERVICE, 80)
    assert answer == {"errno": errno.ENETUNREACH}


def test_the_next_agent_takes_over_what_is_pinned(node: Node):
    """A new process with new programs: connections go on, entries stay, and the links have the new programs."""
    node.publish(1, "tcp", SERVICE, node.serve("a", "tcp"))
    client = node.client()
    client.do("connect", "before", "tcp", SERVICE, 80)
    before = node.maps.read()
    node.kernel.close()
    assert client.do("connect", "between", "tcp", SERVICE, 80) == [SERVICE, 80], "no agent runs"

    successor = Kernel(node.kernel.root)
    successor.load(ensure() / "connect.o")
    successor.link_all(CONNECT, node.cgroup)

    assert ServiceMaps.of(successor).read() == before
    assert client.do("ask", "before", "?") == "a"
    assert client.do("connect", "after", "tcp", SERVICE, 80) == [SERVICE, 80]
    successor.close()


def test_after_cleanup_nothing_of_ours_runs(node: Node):
    node.publish(1, "tcp", SERVICE, node.serve("a", "tcp"))
    client = node.client()
    node.kernel.cleanup()

    assert client.do("connect", "c", "tcp", SERVICE, 80) == {"errno": errno.ENETUNREACH}
    assert not node.kernel.root.exists()
