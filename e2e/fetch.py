"""An HTTP client for tests: any address for any host, SNI, the peer's certificate, and what the pod saw."""

import http.client
import json
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography import x509


class TlsRefusedError(Exception):
    """The server ended the connection during the TLS handshake."""


@dataclass(frozen=True)
class Answer:
    """One response. `seen` is what an echo pod says of the request; empty when someone else answered."""

    status: int
    headers: dict[str, str]
    seen: dict[str, object] = field(default_factory=dict)
    certificate_serial: int | None = None

    @property
    def service(self) -> str:
        """The echo Service that answered, by its pod's name; empty when no pod did."""
        return str(self.seen.get("pod", "")).rsplit("-", 2)[0]


def fetch(
    url: str,
    address: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    port: int = 0,
    timeout: float = 30,
) -> Answer:
    """Request `url` from the gateway at `address`, with the URL's host in Host and SNI. Certificates are not verified, only reported."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    port = port or (443 if tls else 80)
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    connection.sock = socket.create_connection((address, port), timeout=timeout)
    serial = None
    try:
        if tls:
            connection.sock, serial = _handshake(connection.sock, parts.hostname or "")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, target, skip_host=True)
        connection.putheader("Host", parts.netloc)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        is_json = response.getheader("content-type", "").startswith("application/json")
        seen = json.loads(body) if is_json and body else {}
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, seen, serial)
    finally:
        connection.close()


def _handshake(plain: socket.socket, host: str) -> tuple[ssl.SSLSocket, int]:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        secure = context.wrap_socket(plain, server_hostname=host)
    except (ssl.SSLError, ConnectionResetError) as error:
        raise TlsRefusedError(host) from error
    der = secure.getpeercert(binary_form=True)
    assert der is not None
    return secure, x509.load_der_x509_certificate(der).serial_number
