"""Certificates as clients see them."""

import asyncio
import ssl
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from envoy_xds.events import Quarantined
from envoy_xds.listeners import routes_name
from envoy_xds.order import LDS, RDS, SDS
from operators.ir.routes import ANY_HOST, Certificate, Match, Scheme, TlsHost
from tests.emit.served import Served
from tests.emit.tables import host, route
from tests.ingress.certificates import certificate, private_key

pytestmark = pytest.mark.envoy

RSA, ECDSA = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"


async def publish(served: Served, certificates: dict[str, tuple[str, str]], hosts: dict[str, tuple[str, ...]]) -> None:
    """`certificates`: name → (kind of key, DNS name)."""
    for name, (kind, dns) in certificates.items():
        served.world.certificates.set(Certificate(name, certificate((dns,), kind), private_key(kind)))
    for name, used in hosts.items():
        served.world.tls_hosts.set(TlsHost("shared", name, used))
    served.world.virtual_hosts.set(host(ANY_HOST, route(Match(), "one"), scheme=Scheme.HTTPS))
    served.world.graph.commit()
    await served.server.until_acked(LDS, f"shared/127.0.0.1:{served.https}")
    for name in certificates:
        await served.server.until_acked(SDS, name)
    await served.server.until_acked(RDS, routes_name("shared", Scheme.HTTPS))


async def shake(
    served: Served, name: str | None, ciphers: str = "", alpn: tuple[str, ...] = ()
) -> ssl.SSLObject | None:
    """None where the handshake is refused."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    context.set_alpn_protocols(list(alpn))
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", served.https, ssl=context, server_hostname=name or "")
    except (ssl.SSLError, ConnectionError):
        return None
    writer.close()
    return writer.get_extra_info("ssl_object")


async def shown(served: Served, name: str | None, ciphers: str = "") -> tuple[str, str] | None:
    """The kind of key and the DNS name of the certificate that a client gets."""
    shaken = await shake(served, name, ciphers)
    if shaken is None:
        return None
    found = x509.load_der_x509_certificate(shaken.getpeercert(binary_form=True))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    kind = "ecdsa" if isinstance(found.public_key(), ec.EllipticCurvePublicKey) else "rsa"
    return kind, names.get_values_for_type(x509.DNSName)[0]


@pytest.mark.parametrize("dns", ["a.example", "other.example"])
async def test_of_two_certificates_clients_get_the_kind_they_know(served, dns):
    """Also where neither is for the name that they ask for."""
    await publish(served, {"x/e": ("ecdsa", dns), "x/r": ("rsa", dns)}, {"a.example": ("x/e", "x/r")})

    assert await shown(served, "a.example") == ("ecdsa", dns)
    assert await shown(served, "a.example", ECDSA) == ("ecdsa", dns)
    assert await shown(served, "a.example", RSA) == ("rsa", dns)


async def test_the_most_specific_name_decides(served):
    await publish(
        served,
        {"x/a": ("ecdsa", "a.example"), "x/w": ("ecdsa", "*.example"), "x/d": ("rsa", "default")},
        {"a.example": ("x/a",), "*.example": ("x/w",), "broken.example": (), ANY_HOST: ("x/d",)},
    )
    expected = {
        "a.example": ("ecdsa", "a.example"),
        "A.Example": ("ecdsa", "a.example"),
        "b.example": ("ecdsa", "*.example"),
        "b.c.example": ("ecdsa", "*.example"),  # Envoy's wildcard is of any depth: routes decide what is served
        "broken.example": None,
        "else.where": ("rsa", "default"),
        None: ("rsa", "default"),
    }
    assert {name: await shown(served, name) for name in expected} == expected


async def test_without_a_default_certificate_other_names_are_refused(served):
    await publish(served, {"x/a": ("ecdsa", "a.example")}, {"a.example": ("x/a",)})

    assert [await shown(served, name) for name in ("b.example", None)] == [None, None]
    assert await shown(served, "a.example", RSA) is None


async def test_http2_is_offered(served):
    await publish(served, {"x/a": ("ecdsa", "a.example")}, {"a.example": ("x/a",)})
    offers = [("h2", "http/1.1"), ("http/1.1",), ("h2",), ()]

    chosen = [(await shake(served, "a.example", alpn=offer)).selected_alpn_protocol() for offer in offers]
    assert chosen == ["h2", "http/1.1", "h2", None]


async def test_plain_http_on_the_port_of_https_is_refused(served):
    await publish(served, {"x/a": ("ecdsa", "a.example")}, {"a.example": ("x/a",)})
    reader, writer = await asyncio.open_connection("127.0.0.1", served.https)
    writer.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")

    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_a_renewed_certificate_is_shown_to_new_clients_and_ends_no_connection(served):
    await publish(served, {"x/a": ("ecdsa", "a.example")}, {"a.example": ("x/a",)})
    context = ssl._create_unverified_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.https, ssl=context, server_hostname="a.example")
    await publish(served, {"x/a": ("rsa", "a.example")}, {"a.example": ("x/a",)})

    assert await shown(served, "a.example") == ("rsa", "a.example")
    writer.write(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_certificate_that_envoy_refuses_costs_no_other_host(served):
    """A key of 1024 bits; ingest would not let it through."""
    await publish(served, {"x/a": ("ecdsa", "a.example")}, {"a.example": ("x/a",)})
    served.world.certificates.set(Certificate("x/weak", certificate(("b.example",), "rsa1024"), private_key("rsa1024")))
    served.world.tls_hosts.set(TlsHost("shared", "b.example", ("x/weak",)))
    served.world.graph.commit()
    await served.server.until(lambda: bool(served.server.seen(Quarantined)))
    await publish(served, {"x/c": ("ecdsa", "c.example")}, {"c.example": ("x/c",)})

    names = ("a.example", "b.example", "c.example")
    assert [await shown(served, name) for name in names] == [("ecdsa", "a.example"), None, ("ecdsa", "c.example")]
