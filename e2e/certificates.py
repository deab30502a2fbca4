"""Self-signed certificates for TLS Secrets."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def tls_secret(name: str, hosts: list[str], key: str = "ecdsa") -> tuple[dict[str, Any], int]:
    """The Secret's manifest, and the serial number that a client will see."""
    private = rsa.generate_private_key(65537, 2048) if key == "rsa" else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0])])
    now, serial = datetime.now(UTC), x509.random_serial_number()
    builder = x509.CertificateBuilder(
        subject, subject, private.public_key(), serial, now - timedelta(hours=1), now + timedelta(days=30)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    chain = builder.add_extension(names, critical=False).sign(private, hashes.SHA256())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    data = {"tls.crt": chain.public_bytes(serialization.Encoding.PEM), "tls.key": private.private_bytes(*form)}
    encoded = {field: base64.b64encode(value).decode() for field, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "data": encoded,
    }, serial
