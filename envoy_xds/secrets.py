"""Certificates → Secrets."""

from envoy_xds.api import encode, message, type_url
from envoy_xds.resource import Resource, simple
from operators.ir.routes import Certificate

SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type
TYPE_URL = type_url(SECRET)


def secret(certificate: Certificate) -> Resource:
    pair = {
        "certificate_chain": {"inline_bytes": certificate.chain},
        "private_key": {"inline_bytes": certificate.private_key},
    }
    made = message(SECRET)(name=certificate.name, tls_certificate=pair)
    return simple(TYPE_URL, certificate.name, encode(made), certificate.origins)
