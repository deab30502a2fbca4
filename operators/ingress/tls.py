"""A Secret → a certificate that can be served, or why not."""

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from operators.ingress import hosts
from operators.ir.routes import ANY_HOST

CERTIFICATE, PRIVATE_KEY = "tls.crt", "tls.key"
SECRET_TYPES = ("kubernetes.io/tls", "Opaque", "", None)
MIN_RSA_BITS = 2048  # Envoy refuses less


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A Secret as far as TLS can use it: `fault` (the end of a sentence) if it cannot. `kind` is RSA or ECDSA."""

    name: str  # names.certificate(...)
    fault: str = ""
    missing: bool = False
    kind: str = ""
    chain: bytes = field(default=b"", repr=False)
    private_key: bytes = field(default=b"", repr=False)
    hosts: tuple[str, ...] = ()
    not_after: datetime | None = None

    @property
    def key(self) -> str:
        return self.name

    @property
    def usable(self) -> bool:
        return not self.fault

    def covers(self, host: str) -> bool:
        """Any other or no host is fine with any certificate: there is no name to compare."""
        return host == ANY_HOST or any(hosts.covers(name, host) for name in self.hosts)


class UnusableError(Exception):
    """Carries the end of the sentence 'Secret ns/name …'."""


def key_pair(name: str, secret_type: str | None, chain: bytes | None, private_key: bytes | None) -> KeyPair:
    """Check what Envoy would check, so that a broken Secret harms its own hosts only."""
    try:
        return _key_pair(name, secret_type, chain, private_key)
    except UnusableError as error:
        return KeyPair(name, fault=str(error))
    except (ValueError, UnsupportedAlgorithm) as error:  # what a certificate holds inside can be broken in many ways
        return KeyPair(name, fault=f"has a {CERTIFICATE} that cannot be read: {error}")


def missing(name: str) -> KeyPair:
    return KeyPair(name, fault="does not exist", missing=True)


def _key_pair(name: str, secret_type: str | None, chain: bytes | None, private_key: bytes | None) -> KeyPair:
    if secret_type not in SECRET_TYPES:
        raise UnusableError(f"is of type {secret_type}; it must be kubernetes.io/tls (or Opaque with the same keys)")
    for key, value in ((CERTIFICATE, chain), (PRIVATE_KEY, private_key)):
        if not value:
            raise UnusableError(f"has no {key}")
    leaf = _leaf(chain or b"")
    kind = _match(leaf, private_key or b"")
    return KeyPair(
        name,
        kind=kind,
        chain=chain or b"",
        private_key=private_key or b"",
        hosts=_names(leaf),
        not_after=leaf.not_valid_after_utc,
    )


def _leaf(chain: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise UnusableError(f"has a {CERTIFICATE} that is not a PEM certificate") from error


def _match(leaf: x509.Certificate, private_key: bytes) -> str:
    """The key's kind, if it is the certificate's."""
    try:
        key = load_pem_private_key(private_key, password=None)
    except TypeError as error:
        raise UnusableError(f"has an encrypted {PRIVATE_KEY}; it must not need a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableError(f"has a {PRIVATE_KEY} that is not a PEM private key") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise UnusableError(f"has a {PRIVATE_KEY} that does not belong to its {CERTIFICATE}")
    match key:
        case rsa.RSAPrivateKey() if key.key_size < MIN_RSA_BITS:
            raise UnusableError(f"has an RSA key of {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
        case rsa.RSAPrivateKey():
            return "RSA"
        case ec.EllipticCurvePrivateKey() if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1):
            return "ECDSA"
        case ed25519.Ed25519PrivateKey():
            raise UnusableError("has an Ed25519 key; Envoy serves RSA and ECDSA")
        case _:
            raise UnusableError("has a key that is neither RSA nor ECDSA on P-256, P-384 or P-521")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(sorted({name.lower() for name in names.get_values_for_type(x509.DNSName)}))
