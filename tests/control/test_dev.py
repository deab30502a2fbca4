"""`kopf run -m operators.ingress --dev`: the controller of Ingress alone, in Kopf's own process."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from operators.controller.kinds import INGRESS
from operators.kube import Kube
from operators.status.documents import ANNOTATION
from tests.control.apiserver import ApiServer, free_port
from tests.control.replicas import PATIENCE, Replica

COMMAND = [sys.executable, "-m", "kopf", "run", "-m", "operators.ingress", "--dev", "-A"]


@pytest.mark.usefixtures("crds")
async def test_it_says_how_to_start_envoy_and_writes_statuses(
    api: ApiServer, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    ads, health = free_port(), free_port()
    await kube.create(
        INGRESS.path.url(namespace),
        {
            "metadata": {"name": "web", "annotations": {"kubernetes.io/ingress.class": "dev"}},
            "spec": {"rules": [{"host": "a.example.com"}]},
        },
    )
    await kube.create(
        "/apis/networking.k8s.io/v1/ingressclasses",
        {"metadata": {"name": "dev"}, "spec": {"controller": "tulle.dev/dev"}},
    )
    settings = {
        "TULLE_NAMESPACE": namespace,
        "TULLE_CONTROLLER_NAME": "tulle.dev/dev",
        "TULLE_ADS_PORT": str(ads),
        "TULLE_HEALTH_PORT": str(health),
    }
    environment = dict(os.environ, KUBECONFIG=str(api.kubeconfig()), TMPDIR=str(tmp_path), **settings)
    process = await asyncio.create_subprocess_exec(*COMMAND, env=environment, stdout=asyncio.subprocess.PIPE)
    one = Replica(process, ads, health)
    try:
        async with asyncio.timeout(PATIENCE):
            said = await process.stdout.readuntil(b"HTTPS on port 10443")
            await one.ready()
            found = await kube.get(INGRESS.path.url(namespace, "web"))
            while ANNOTATION not in found["metadata"]["annotations"]:
                await asyncio.sleep(0.05)
                found = await kube.get(INGRESS.path.url(namespace, "web"))
        bootstrap = next(Path(word) for word in said.decode().split() if word.endswith("envoy.json"))
        assert json.loads(bootstrap.read_text())["node"]["id"] == "envoy/dev/local"
        assert await one.stop() == 0
    finally:
        await one.stop(signal.SIGKILL)


async def test_importing_the_package_registers_nothing() -> None:
    code = "import sys, operators.ingress.addresses; sys.exit('kopf' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)

    assert await process.wait() == 0
