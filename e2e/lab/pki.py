"""Certificates and kubeconfigs of a cluster."""

import datetime as dt
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.lab.layout import Layout

LIFETIME = dt.timedelta(days=3650)


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make(layout: Layout) -> None:
    """All keys, certificates and kubeconfigs of a new cluster."""
    layout.pki.mkdir(parents=True)
    authority, front = _authority(layout.pki, "ca"), _authority(layout.pki, "front-ca")
    names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    addresses = ["127.0.0.1", layout.api_service, layout.address(layout.first)]
    _leaf(layout.pki, "apiserver", authority, "kube-apiserver", hosts=[*names, *addresses])
    _leaf(layout.pki, "apiserver-kubelet", authority, "kube-apiserver-kubelet-client", group="system:masters")
    _leaf(layout.pki, "front", front, "front-proxy-client")
    _leaf(layout.pki, "admin", authority, "admin", group="system:masters")
    for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        _leaf(layout.pki, name, authority, f"system:{name}")
        _kubeconfig(layout, layout.folder / f"{name}.kubeconfig", name, layout.api_inside)
    _service_account_keys(layout.pki)
    _kubeconfig(layout, layout.kubeconfig, "admin", f"https://127.0.0.1:{layout.api_port}")
    for node in layout.nodes:
        _leaf(layout.pki, node, authority, f"system:node:{node}", group="system:nodes")
        _kubeconfig(layout, layout.node_folder(node) / "kubelet.kubeconfig", node, layout.api_inside)


def _authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = _builder(subject, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    signed = certificate.sign(key, hashes.SHA256())
    _write(folder, name, signed, key)
    return Authority(signed, key)


def _leaf(
    folder: Path, name: str, authority: Authority, common_name: str, *, group: str = "", hosts: Sequence[str] = ()
) -> None:
    """A serving certificate where there are hosts, else a client's."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(subject, authority.certificate.subject, key).add_extension(
        x509.ExtendedKeyUsage([usage]), critical=False
    )
    if hosts:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
    _write(folder, name, builder.sign(authority.key, hashes.SHA256()), key)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - dt.timedelta(minutes=5)).not_valid_after(now + LIFETIME)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / f"{name}.key", key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(*form))


def _service_account_keys(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write_key(folder / "sa.key", key)
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "sa.pub").write_bytes(key.public_key().public_bytes(*form))


def _kubeconfig(layout: Layout, path: Path, user: str, server: str) -> None:
    pki = layout.pki
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": layout.name,
        "clusters": [{"name": layout.name, "cluster": {"server": server, "certificate-authority": f"{pki}/ca.crt"}}],
        "users": [
            {"name": user, "user": {"client-certificate": f"{pki}/{user}.crt", "client-key": f"{pki}/{user}.key"}}
        ],
        "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": user}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1))
