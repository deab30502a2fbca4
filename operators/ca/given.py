"""A CA from the data of a Secret: ours of an earlier day, cert-manager's, or one that a person made."""

from collections.abc import Mapping
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from operators.ca.authority import Authority, SigningKey, issued_by, key_pem, pem, public_key_bytes, trusted, unique

CERTIFICATE, KEY, ROOTS = "tls.crt", "tls.key", "ca.crt"


class UnusableAuthority(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The CA that was given cannot sign for the mesh; the message says why."""


def parse(data: Mapping[str, bytes], now: datetime) -> Authority:
    """`tls.crt` is the signing certificate, maybe followed by what stands above it; `ca.crt` are the roots, all of which are trusted."""
    chain = _certificates(data, CERTIFICATE)
    if not chain:
        raise UnusableAuthority(f"{CERTIFICATE} is missing")
    key = _key(data)
    _check(chain[0], key, now)
    above = tuple(one for one in chain if not issued_by(one, one))
    roots = unique([*_certificates(data, ROOTS), *(one for one in chain if issued_by(one, one))])
    if not roots:
        raise UnusableAuthority(f"{ROOTS} is missing, and {CERTIFICATE} is not a root itself")
    if not trusted(chain, roots):
        raise UnusableAuthority(f"{CERTIFICATE} was not issued by any certificate of {ROOTS}")
    return Authority(chain[0], key, above, roots)


def dump(authority: Authority) -> dict[str, bytes]:
    """The data of a Secret that `parse` reads."""
    certificates = unique([authority.certificate, *authority.intermediates])
    return {
        CERTIFICATE: b"".join(pem(one) for one in certificates),
        KEY: key_pem(authority.key),
        ROOTS: authority.bundle,
    }


def _certificates(data: Mapping[str, bytes], name: str) -> list[x509.Certificate]:
    content = data.get(name, b"").strip()
    if not content:
        return []
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise UnusableAuthority(f"{name} is not a list of PEM certificates: {error}") from error


def _key(data: Mapping[str, bytes]) -> SigningKey:
    if not data.get(KEY):
        raise UnusableAuthority(f"{KEY} is missing")
    try:
        key = load_pem_private_key(data[KEY], None)
    except (ValueError, TypeError) as error:  # TypeError: encrypted
        raise UnusableAuthority(f"{KEY} is not a plain PEM private key: {error}") from error
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise UnusableAuthority(f"{KEY} is of a type that we do not sign with: use an elliptic curve or RSA")
    return key


def _check(certificate: x509.Certificate, key: SigningKey, now: datetime) -> None:
    try:
        same = public_key_bytes(certificate.public_key()) == public_key_bytes(key.public_key())
    except TypeError:
        same = False
    if not same:
        raise UnusableAuthority(f"{KEY} does not belong to the first certificate of {CERTIFICATE}")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
    if not constraints.ca:
        raise UnusableAuthority(f"the first certificate of {CERTIFICATE} is not that of a CA")
    if certificate.not_valid_after_utc <= now:
        raise UnusableAuthority(f"{CERTIFICATE} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
