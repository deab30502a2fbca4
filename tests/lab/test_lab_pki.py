"""A cluster's certificates: who signed them, for whom, and who may read the keys."""

import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.lab import layout as layouts
from e2e.lab import pki
from e2e.lab.layout import Layout


@pytest.fixture
def layout(tmp_path, monkeypatch) -> Layout:
    monkeypatch.setattr(layouts, "CLUSTERS", tmp_path)
    made = Layout("demo", 1, 2)
    pki.make(made)
    return made


def certificate(layout: Layout, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((layout.pki / f"{name}.crt").read_bytes())


def subject(layout: Layout, name: str) -> tuple[list[str], str]:
    names = certificate(layout, name).subject
    groups = [attribute.value for attribute in names.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return groups, names.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


@pytest.mark.parametrize("name", ["apiserver", "apiserver-kubelet", "admin", "kube-scheduler", "demo-n1", "demo-n2"])
def test_leaves_are_signed_by_the_cluster(layout, name):
    certificate(layout, name).verify_directly_issued_by(certificate(layout, "ca"))


def test_the_front_proxy_has_an_authority_of_its_own(layout):
    certificate(layout, "front").verify_directly_issued_by(certificate(layout, "front-ca"))


def test_the_api_server_is_known_by_every_name_and_address_it_is_called(layout):
    names = certificate(layout, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    expected = {ipaddress.ip_address(one) for one in ("127.0.0.1", "10.91.0.1", "172.30.1.11")}
    assert set(names.get_values_for_type(x509.IPAddress)) == expected


def test_clients_are_who_rbac_and_node_authorization_expect(layout):
    assert subject(layout, "admin") == (["system:masters"], "admin")
    assert subject(layout, "kube-scheduler") == ([], "system:kube-scheduler")
    assert subject(layout, "demo-n2") == (["system:nodes"], "system:node:demo-n2")
    usage = certificate(layout, "admin").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_only_the_owner_reads_keys_and_kubeconfigs(layout):
    secrets = [*layout.pki.glob("*.key"), *layout.folder.rglob("*.kubeconfig")]

    assert len(secrets) > 10
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_people_reach_the_api_on_loopback_and_the_cluster_reaches_it_on_the_fabric(layout):
    outside = json.loads(layout.kubeconfig.read_text())
    inside = json.loads((layout.folder / "kube-scheduler.kubeconfig").read_text())

    assert outside["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:11443"
    assert inside["clusters"][0]["cluster"]["server"] == "https://172.30.1.11:6443"
