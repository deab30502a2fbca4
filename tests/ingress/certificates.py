"""Certificates for tests: made at once, never kept."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@cache
def key_of(kind: str) -> Any:
    return KINDS[kind]()


@cache
def certificate(hosts: Sequence[str], kind: str = "ecdsa", days: int = 3650) -> bytes:
    """A self-signed certificate; negative days have passed already."""
    key = key_of(kind)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    end = NOW + timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(end - timedelta(days=4000))
        .not_valid_after(end)
    )
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(key, None if kind == "ed25519" else SHA256())
    return made.public_bytes(Encoding.PEM)


def private_key(kind: str = "ecdsa", password: bytes | None = None) -> bytes:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return key_of(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def secret(name: str, hosts: Sequence[str], key: str = "ecdsa", days: int = 3650, namespace: str = "default") -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": base64.b64encode(certificate(tuple(hosts), key, days)).decode(),
            "tls.key": base64.b64encode(private_key(key)).decode(),
        },
    }
