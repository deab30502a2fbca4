"""Roots, leaves and requests: what the certificates say, and that strange requests are refused."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store
from hypothesis import given
from hypothesis import strategies as st

from operators.ca.authority import InvalidRequest, Names, make_key, make_request, make_root, read_request, renewal
from operators.ca.spiffe import agent_id, controller_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = agent_id("cluster.local", "tulle-system", "node-a")


def leaf_of(issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issued.chain[0])


def test_a_leaf_of_a_root_is_verified_as_a_server_by_its_name():
    root = make_root("cluster.local", NOW)
    names = Names(controller_id("cluster.local", "tulle-system"), ("tulle-controller.tulle-system.svc",))
    leaf = leaf_of(root.issue(make_key().public_key(), names, NOW, 0))
    policy = PolicyBuilder().store(Store(root.roots)).time(NOW + timedelta(hours=1))

    assert policy.build_server_verifier(x509.DNSName(names.dns[0])).verify(leaf, []) == [leaf, root.certificate]


def test_a_leaf_says_its_names_and_nothing_more():
    names = Names(AGENT, ("a.svc",), (ip_address("10.0.0.1"), ip_address("fd00::1")))
    leaf = leaf_of(make_root("cluster.local", NOW).issue(make_key().public_key(), names, NOW, 0))
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert alternative.get_values_for_type(x509.UniformResourceIdentifier) == [AGENT]
    assert alternative.get_values_for_type(x509.DNSName) == ["a.svc"]
    assert list(map(str, alternative.get_values_for_type(x509.IPAddress))) == ["10.0.0.1", "fd00::1"]
    assert leaf.subject == x509.Name([])


def test_a_leaf_lives_a_day_and_never_longer_than_its_issuer():
    root = make_root("cluster.local", NOW)
    early = root.issue(make_key().public_key(), Names(AGENT), NOW, 0)
    late = root.issue(
        make_key().public_key(), Names(AGENT), root.certificate.not_valid_after_utc - timedelta(hours=1), 0
    )

    assert early.expires == NOW + timedelta(hours=24)
    assert early.renew_at == NOW + timedelta(hours=16)
    assert late.expires == root.certificate.not_valid_after_utc


@given(st.floats(0, 1, exclude_max=True), st.timedeltas(timedelta(minutes=1), timedelta(days=400)))
def test_a_renewal_comes_between_half_and_two_thirds_of_the_lifetime(jitter, lifetime):
    assert lifetime / 2 < renewal(NOW, NOW + lifetime, jitter) - NOW <= lifetime * 2 / 3


def test_a_request_gives_its_key():
    key = make_key()

    assert read_request(make_request(key)) == key.public_key()


def requests():
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    der = bytearray(make_request(make_key()))
    der[-1] ^= 1
    return {
        "empty": b"",
        "noise": b"\x30\x03abc",
        "weak": builder.sign(weak, SHA256()).public_bytes(Encoding.DER),
        "unusual": builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.DER),
        "forged": bytes(der),
    }


@pytest.mark.parametrize("kind", ["empty", "noise", "weak", "unusual", "forged"])
def test_a_strange_request_is_refused(kind):
    with pytest.raises(InvalidRequest):
        read_request(requests()[kind])


def test_keys_do_not_show():
    assert "PRIVATE" not in repr(make_root("cluster.local", NOW))
    assert "key=" not in repr(make_root("cluster.local", NOW))
