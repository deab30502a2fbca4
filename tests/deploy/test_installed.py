"""Installed by Helm on a real API server: it takes every object as it is, and the controller can do its work with the rights it was given."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from e2e import helm
from e2e.ports import free_port
from tests.apiserver import ADMIN
from tests.deploy.test_chart import CONTROLLER, environment
from tests.kubectl import Kubectl, serving

NAMESPACE = "tulle-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}"
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: default}
spec:
  ingressClassName: tulle
  defaultBackend: {service: {name: absent, port: {number: 80}}}
"""


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory) -> Iterator[Kubectl]:
    """Of a cluster where Tulle is installed, and upgraded to what it is already."""
    with serving(tmp_path_factory.mktemp("apiserver")) as api:
        for _ in range(2):
            helm.install(api.kubeconfig(), NAMESPACE)
        yield Kubectl(api.kubeconfig())


def test_the_api_server_takes_every_field(kubectl, render):
    given = yaml.safe_dump_all(render())
    applied = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    kubectl(*applied, "--namespace", NAMESPACE, "-f", "-", stdin=given)


@pytest.mark.parametrize("exposure", ["NodePort", "HostNetwork"])
def test_it_is_upgraded_to_other_values_and_back(kubectl, exposure):
    for values in ({"ingress": {"exposure": exposure}}, {}):
        helm.install(kubectl.kubeconfig, NAMESPACE, values)


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        ("yes", "watch secrets --all-namespaces"),
        ("yes", "patch ingresses.networking.k8s.io --subresource=status --all-namespaces"),
        ("yes", "patch ciliumingresses.tulle.dev --subresource=status --all-namespaces"),
        ("yes", "create events --all-namespaces"),
        ("yes", "create tokenreviews.authentication.k8s.io"),
        ("yes", f"update leases.coordination.k8s.io/tulle-controller -n {NAMESPACE}"),
        ("no", f"update leases.coordination.k8s.io/another -n {NAMESPACE}"),
        ("no", f"patch secrets/tulle-ca -n {NAMESPACE}"),
        ("no", "create secrets -n default"),
        ("no", "patch ciliumingresses.tulle.dev --all-namespaces"),
        ("no", "delete ingresses.networking.k8s.io --all-namespaces"),
        ("no", "list pods --all-namespaces"),
    ],
)
def test_rights(kubectl, allowed, words):
    assert kubectl.run("auth", "can-i", *words.split(), f"--as={ACCOUNT}").stdout.strip() == allowed


@pytest.fixture
def controller(kubectl, objects, tmp_path) -> Iterator[Path]:
    """Its process with the variables and the account of the chart; the file that it logs to."""
    token = kubectl("create", "token", CONTROLLER, "-n", NAMESPACE).strip()
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(kubectl.kubeconfig.read_text().replace(ADMIN, token))
    variables = environment(objects, CONTROLLER) | {
        "TULLE_NAMESPACE": NAMESPACE,
        "TULLE_POD_NAME": "pod-1",
        "TULLE_POD_IP": "127.0.0.1",
        "TULLE_BIND_ADDRESS": "127.0.0.1",
        **{f"TULLE_{name}_PORT": str(free_port()) for name in ("ADS", "BOOTSTRAP", "HEALTH")},
        "KUBECONFIG": str(kubeconfig),
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-c", "from operators.main import run; run()"]
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(30)


def test_the_controller_works_with_its_rights(kubectl, controller):
    def wait(what: str, condition: str, namespace: str = NAMESPACE) -> None:
        done = kubectl.run("wait", what, f"--for={condition}", "--timeout=60s", "-n", namespace)
        assert done.returncode == 0, done.stderr + controller.read_text()

    wait("secret/tulle-ca", "create")
    wait("configmap/tulle-ca-bundle", "create")
    wait("lease/tulle-controller", "create")
    wait("lease/tulle-controller", "jsonpath={.spec.holderIdentity}=pod-1")
    kubectl("apply", "-f", "-", stdin=INGRESS)
    wait("ingress/web", r"jsonpath={.metadata.annotations.tulle\.dev/conditions}", "default")
    assert "forbidden" not in controller.read_text().lower()
