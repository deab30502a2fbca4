"""A client in a cgroup and network namespace of a test: does what lines on its input say, one JSON answer each. Run as a program."""

import json
import socket
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
sockets: dict[str, socket.socket] = {}


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(name: str, kind: str, address: str, port: int) -> object:
    """The error's number, or what the client is told of its peer."""
    made = sockets[name] = socket.socket(family(address), KINDS[kind])
    made.settimeout(5)
    made.connect((address, port))
    return list(made.getpeername()[:2])


def ask(name: str, text: str) -> object:
    """On a connection: what the other side answers, which is its name."""
    sockets[name].send(text.encode())
    return sockets[name].recv(1024).decode()


def send(name: str, kind: str, address: str, port: int) -> object:
    """Without a connection: the answer and where it seems to come from."""
    made = sockets.setdefault(name, socket.socket(family(address), KINDS[kind]))
    made.settimeout(5)
    made.sendto(b"?", (address, port))
    answer, source = made.recvfrom(1024)
    return [answer.decode(), list(source[:2])]


def main() -> None:
    commands = {"connect": connect, "ask": ask, "send": send}
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        try:
            answer = commands[command](*arguments)
        except OSError as error:
            answer = {"errno": error.errno}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
