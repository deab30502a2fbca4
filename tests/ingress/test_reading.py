"""Hosts, expressions, durations, ports, Secrets: what is accepted, and the sentence for what is not."""

import pytest

from operators.ingress import hosts, regexes
from operators.ingress.durations import seconds
from operators.ingress.services import PortFacts, ServiceFacts, is_local, speaks
from operators.ingress.tls import key_pair
from operators.ir.routes import Protocol
from tests.ingress.certificates import certificate, private_key


@pytest.mark.parametrize("host", ["a", "a.example", "*.a.example", "x-1.a.example", "*"])
def test_a_host_that_is_served(host):
    assert hosts.fault(host) is None


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "::1",
        "a.example:80",
        "*.*.example",
        "a*.example",
        "-a.example",
        "a..example",
        "a_b",
        "*.",
        "a" * 254,
    ],
)
def test_a_host_that_is_not(host):
    assert hosts.fault(host)


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("*", "a.example", True),
        ("*.example", "a.example", True),
        ("*.example", "a.b.example", False),
        ("*.example", "example", False),
        ("*.b.example", "*.b.example", True),
        ("*.example", "*.b.example", False),
        ("a.example", "*.example", False),
    ],
)
def test_what_a_name_covers(pattern, host, covered):
    assert hosts.covers(pattern, host) is covered


@pytest.mark.parametrize(
    "expression",
    [
        "/v[0-9]+/x",
        "/(?i)a",
        "/(?i:a)",
        r"/\pL\p{Greek}",
        "/[[:alnum:]]+",
        "/(?P<n>a)",
        "/(?<n>a)",
        r"/\++",
        "/a+?",
        r"/\(\?=",
        "/a{1000}",
    ],
)
def test_an_expression_that_re2_takes(expression):
    assert regexes.fault(expression) is None


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("/(?=a)", "invalid perl operator: (?="),
        ("/(?<!a)b", "invalid perl operator: (?<!"),
        (r"/(a)\1", r"invalid escape sequence: \1"),
        ("/a++", "bad repetition operator: ++"),
        ("/(a", "missing ): /(a"),
        ("/[a", "missing ]: [a"),
        ("*a", "no argument for repetition operator: *"),
        ("/a{1001}", "invalid repetition size: {1001}"),
        ("/(a{1000}){1000}", "invalid repetition size: {1000}"),
    ],
)
def test_an_expression_that_re2_refuses(expression, why):
    assert regexes.fault(expression) == f"is not a regular expression of RE2: {why}"


@pytest.mark.parametrize(("text", "value"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("0s", 0)])
def test_a_duration(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "10", "s", "1d", "-1s", "1.5s", " 1s"])
def test_not_a_duration(text):
    assert seconds(text) is None


def test_a_port_is_found_by_number_and_by_name():
    service = ServiceFacts("ns", "svc", (PortFacts(80, "http"), PortFacts(81)))

    assert service.port(80) == service.port("http") == PortFacts(80, "http")
    assert service.port(81) == PortFacts(81)
    assert service.port(8080) is None


def test_an_external_name_takes_any_number_but_no_unknown_name():
    service = ServiceFacts("ns", "svc", external_name="api.example")

    assert service.port(8080) == PortFacts(8080)
    assert service.port("http") is None


@pytest.mark.parametrize(
    ("protocol", "spoken"),
    [
        (None, Protocol.HTTP1),
        ("http", Protocol.HTTP1),
        ("kubernetes.io/ws", Protocol.HTTP1),
        ("kubernetes.io/h2c", Protocol.H2C),
        ("grpc", Protocol.H2C),
        ("https", Protocol.HTTPS),
        ("kubernetes.io/wss", Protocol.HTTPS),
        ("example.com/own", Protocol.HTTP1),
    ],
)
def test_what_a_backend_speaks(protocol, spoken):
    assert speaks(protocol) is spoken


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("localhost", True),
        ("a.LOCALHOST.", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("169.254.169.254", True),
        ("0.0.0.0", True),
        ("10.0.0.1", False),
        ("api.example", False),
    ],
)
def test_an_external_name_that_is_the_proxy_itself(name, local):
    assert is_local(name) is local


CHAIN, KEY = certificate(("a.example",)), private_key()


@pytest.mark.parametrize("kind", ["kubernetes.io/tls", "Opaque"])
def test_a_secret_that_is_served(kind):
    pair = key_pair("ns/cert", kind, CHAIN + certificate(("ca.example",), "rsa"), KEY)

    assert pair.usable
    assert (pair.kind, pair.hosts) == ("ECDSA", ("a.example",))


@pytest.mark.parametrize(
    ("kind", "chain", "key", "fault"),
    [
        ("kubernetes.io/dockerconfigjson", CHAIN, KEY, "is of type kubernetes.io/dockerconfigjson"),
        ("Opaque", None, KEY, "has no tls.crt"),
        ("Opaque", CHAIN, b"", "has no tls.key"),
        ("Opaque", b"nonsense", KEY, "has a tls.crt that is not a PEM certificate"),
        (
            "Opaque",
            CHAIN + CHAIN[:100] + b"\n-----END CERTIFICATE-----\n",
            KEY,
            "has a tls.crt that is not a PEM certificate",
        ),
        ("Opaque", CHAIN, b"nonsense", "has a tls.key that is not a PEM private key"),
        ("Opaque", CHAIN, private_key(password=b"x"), "has an encrypted tls.key"),
        ("Opaque", CHAIN, private_key("rsa"), "has a tls.key that does not belong to its tls.crt"),
        ("Opaque", certificate(("a",), "rsa1024"), private_key("rsa1024"), "has an RSA key of 1024 bits"),
        ("Opaque", certificate(("a",), "ed25519"), private_key("ed25519"), "has an Ed25519 key"),
    ],
)
def test_a_secret_that_cannot_be_served(kind, chain, key, fault):
    pair = key_pair("ns/cert", kind, chain, key)

    assert not pair.usable
    assert pair.fault.startswith(fault)


def test_a_key_pair_does_not_print_its_key():
    pair = key_pair("ns/cert", "Opaque", CHAIN, KEY)

    assert "PRIVATE" not in repr(pair)
    assert "CERTIFICATE" not in repr(pair)
