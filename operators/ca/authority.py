"""Keys and certificates: a root for the mesh, a given CA read and checked, leaves for components. No I/O.

In: PEM, names, a public key, the time. Out: PEM and when to renew. The bundle of trusted roots may hold several, so that a new
root can be trusted before it signs and an old one after.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_LIFETIME = timedelta(days=3653)
LEAF_LIFETIME = timedelta(hours=24)
SKEW = timedelta(minutes=5)  # how far clocks of nodes may be behind ours

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LeafKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class InvalidRequest(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """A certificate request that nobody should sign."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a leaf says about its holder. A component that nobody connects to by name has no DNS names and addresses."""

    spiffe: str
    dns: tuple[str, ...] = ()
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf and what stands between it and a root, leaf first; public."""

    chain: tuple[bytes, ...]
    bundle: bytes
    renew_at: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing certificate with its key, what stands between it and a root, and all roots to trust."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)
    intermediates: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]

    @property
    def bundle(self) -> bytes:
        return b"".join(sorted(pem(root) for root in self.roots))

    def issue(self, key: LeafKey, names: Names, now: datetime, jitter: float) -> Issued:
        """A leaf for the holder of `key`. `jitter` in [0, 1) spreads renewals, so that nodes do not all come at once."""
        expires = min(now + LEAF_LIFETIME, self.certificate.not_valid_after_utc)
        leaf = self._sign(key, names, now, expires)
        chain = tuple(pem(one) for one in (leaf, *self.intermediates))
        return Issued(chain, self.bundle, renewal(now, expires, jitter), expires)

    def _sign(self, key: LeafKey, names: Names, now: datetime, expires: datetime) -> x509.Certificate:
        issuer = self.certificate
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        alternative = x509.SubjectAlternativeName(
            [
                x509.UniformResourceIdentifier(names.spiffe),
                *(x509.DNSName(name) for name in names.dns),
                *(x509.IPAddress(address) for address in names.addresses),
            ]
        )
        builder = (
            x509.CertificateBuilder(
                issuer.subject, x509.Name([]), key, x509.random_serial_number(), now - SKEW, expires
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(alternative, critical=True)  # as the subject is empty
            .add_extension(_key_identifier(issuer), critical=False)
        )
        return builder.sign(self.key, SHA256())


def renewal(now: datetime, expires: datetime, jitter: float) -> datetime:
    """At two thirds of the lifetime or up to a tenth earlier."""
    return now + (expires - now) * (2 / 3 - jitter / 10)


def make_root(trust_domain: str, now: datetime) -> Authority:
    """A new self-signed root for a mesh that was given none."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tulle mesh CA of {trust_domain}"[:64])])
    builder = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - SKEW, now + ROOT_LIFETIME
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, SHA256())
    return Authority(certificate, key, (), (certificate,))


def read_request(der: bytes) -> LeafKey:
    """The public key of a certificate request whose sender holds the private one; all else in it is ignored."""
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        valid = request.is_signature_valid
    except (ValueError, InvalidSignature) as error:
        raise InvalidRequest(f"not a certificate request: {error}") from error
    if not valid:
        raise InvalidRequest("the request is not signed by the key it names")
    if isinstance(key, ec.EllipticCurvePublicKey) or (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048):
        return key
    raise InvalidRequest("the key is neither an elliptic curve key nor an RSA key of at least 2048 bits")


def make_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    return x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, SHA256()).public_bytes(Encoding.DER)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: SigningKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def unique(certificates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys(certificates))


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def trusted(chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate]) -> bool:
    """Whether the last of a chain is a root or was issued by one. Not a path validation: that is TLS's work."""
    return any(chain[-1] == root or issued_by(chain[-1], root) for root in roots)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        key = issuer.public_key()
        if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
            raise TypeError(f"a CA with a key of type {type(key).__name__}") from None
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def public_key_bytes(key: object) -> bytes:
    """For comparing keys."""
    if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)):
        raise TypeError(f"a key of type {type(key).__name__}")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
