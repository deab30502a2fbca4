"""What a route needs to know of a Service: its ports, what they speak, and where an ExternalName leads."""

import ipaddress
from dataclasses import dataclass

from operators.ir.routes import Protocol

# KEP-3726's names, and those that other meshes taught people to write.
PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.H2C,
    "h2c": Protocol.H2C,
    "http2": Protocol.H2C,
    "grpc": Protocol.H2C,
    "https": Protocol.HTTPS,
    "kubernetes.io/wss": Protocol.HTTPS,
}


@dataclass(frozen=True, slots=True)
class PortFacts:
    number: int
    name: str = ""
    protocol: Protocol = Protocol.HTTP1


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """Without labels, selectors and the like, so that their changes recompute nothing. `family` is the Service's first."""

    namespace: str
    name: str
    ports: tuple[PortFacts, ...] = ()
    external_name: str | None = None
    family: str | None = None

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def port(self, wanted: int | str) -> PortFacts | None:
        """The TCP port with this number or name. An ExternalName need not list its ports: any number will do."""
        for port in self.ports:
            if wanted in (port.number, port.name):
                return port
        if self.external_name is not None and isinstance(wanted, int):
            return PortFacts(wanted)
        return None


def speaks(app_protocol: str | None) -> Protocol:
    return PROTOCOLS.get(app_protocol or "", Protocol.HTTP1)


def is_local(hostname: str) -> bool:
    """Names that would lead to the proxy's own node: an ExternalName must not reach what listens there (CVE-2021-32783)."""
    name = hostname.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local or address.is_unspecified
