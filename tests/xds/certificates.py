"""A certificate authority for tests."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        extension = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self._key).subject_name(self._name).add_extension(extension, critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """The key and the chain of a certificate for `DNS:…` or `URI:…`."""
        kind, _, value = name.partition(":")
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = {"DNS": x509.DNSName, "URI": x509.UniformResourceIdentifier}[kind](value)
        builder = self._builder(key).add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        encoding = serialization.Encoding.PEM
        private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")])
        return private, builder.subject_name(subject).sign(self._key, hashes.SHA256()).public_bytes(encoding)

    def _builder(self, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
        )
