"""A CA that someone gave: ours read back, intermediates, several roots; and what is told about one that cannot be used."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from operators.ca.authority import Names, key_pem, make_key, make_root, pem
from operators.ca.given import UnusableAuthority, dump, parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def intermediate(root):
    """A CA below a root, as cert-manager gives one: its own certificate and key, the root's certificate."""
    key = make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intermediate")])
    certificate = (
        x509.CertificateBuilder(root.certificate.subject, name, key.public_key(), 7, NOW, NOW + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .add_extension(usage(), critical=True)
        .sign(root.key, SHA256())
    )
    return {"tls.crt": pem(certificate), "tls.key": key_pem(key), "ca.crt": pem(root.certificate)}


def usage():
    return x509.KeyUsage(False, False, False, False, False, True, True, False, False)


def long_root():
    """A root that lets others sign below it."""
    key = make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage(), critical=True)
        .sign(key, SHA256())
    )
    return parse({"tls.crt": pem(certificate), "tls.key": key_pem(key)}, NOW)


def test_what_we_wrote_we_read_back():
    root = make_root("cluster.local", NOW)

    assert dump(parse(dump(root), NOW)) == dump(root)


def test_an_intermediate_signs_and_is_sent_along():
    root = long_root()
    authority = parse(intermediate(root), NOW)
    issued = authority.issue(make_key().public_key(), Names("spiffe://x/y", ("a.svc",)), NOW, 0)
    leaf, above = (x509.load_pem_x509_certificate(one) for one in issued.chain)
    policy = PolicyBuilder().store(Store(root.roots)).time(NOW)

    assert policy.build_server_verifier(x509.DNSName("a.svc")).verify(leaf, [above])[-1] == root.certificate
    assert issued.bundle == pem(root.certificate)


def test_several_roots_are_trusted_while_one_signs():
    old, new = make_root("cluster.local", NOW), make_root("cluster.local", NOW)
    rotating = parse(dump(old) | {"ca.crt": pem(old.certificate) + pem(new.certificate)}, NOW)

    assert rotating.certificate == old.certificate
    assert rotating.bundle.count(b"BEGIN CERTIFICATE") == 2


def broken():
    ours, other = make_root("cluster.local", NOW), make_root("cluster.local", NOW)
    good = dump(ours)
    leaf_key = make_key()
    leaf = ours.issue(leaf_key.public_key(), Names("spiffe://x/y"), NOW, 0).chain[0]
    locked = ours.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    below = intermediate(long_root())
    return {
        "empty": ({}, "tls.crt is missing"),
        "no key": (good | {"tls.key": b""}, "tls.key is missing"),
        "noise": (good | {"tls.crt": b"noise"}, "tls.crt is not a list of PEM certificates"),
        "locked": (good | {"tls.key": locked}, "tls.key is not a plain PEM private key"),
        "foreign key": (good | {"tls.key": key_pem(other.key)}, "tls.key does not belong to"),
        "leaf": (good | {"tls.crt": leaf, "tls.key": key_pem(leaf_key)}, "is not that of a CA"),
        "no root": (below | {"ca.crt": b""}, "ca.crt is missing, and tls.crt is not a root"),
        "foreign root": (below | {"ca.crt": pem(other.certificate)}, "was not issued by any certificate of ca.crt"),
    }


@pytest.mark.parametrize(
    "kind", ["empty", "no key", "noise", "locked", "foreign key", "leaf", "no root", "foreign root"]
)
def test_an_unusable_one_is_refused_with_the_reason(kind):
    data, message = broken()[kind]
    with pytest.raises(UnusableAuthority, match=message):
        parse(data, NOW)


def test_an_expired_one_is_refused_with_its_date():
    with pytest.raises(UnusableAuthority, match="expired on 2036-01-02"):
        parse(dump(make_root("cluster.local", NOW)), NOW + timedelta(days=5000))
