"""`kopf run -m operators.ingress --dev`: the controller of Ingress alone, in Kopf's own process."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from e2e.ports import free_port
from operators.controller.kinds import CILIUM_INGRESS
from operators.kube import Kube
from tests.apiserver import ApiServer
from tests.control.replicas import PATIENCE, Replica, ensure
from tests.xds.envoys import binary

COMMAND = [sys.executable, "-m", "kopf", "run", "-m", "operators.ingress", "--dev", "-A"]


@dataclass
class Dev(Replica):
    """The command, running."""

    bootstrap: Path
    http_port: int


@asynccontextmanager
async def developing(api: ApiServer, namespace: str, folder: Path) -> AsyncIterator[Dev]:
    ads, health, http, https = (free_port() for _ in range(4))
    settings = {
        "TULLE_NAMESPACE": namespace,
        "TULLE_CONTROLLER_NAME": "tulle.dev/dev",
        "TULLE_ADS_PORT": str(ads),
        "TULLE_HEALTH_PORT": str(health),
        "TULLE_HTTP_PORT": str(http),
        "TULLE_HTTPS_PORT": str(https),
    }
    environment = dict(os.environ, KUBECONFIG=str(api.kubeconfig()), TMPDIR=str(folder), **settings)
    process = await asyncio.create_subprocess_exec(*COMMAND, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE):
            said = await process.stdout.readuntil(f"HTTPS on port {https}".encode())
            bootstrap = next(Path(word) for word in said.decode().split() if word.endswith("envoy.json"))
            one = Dev(process, ads, health, bootstrap, http)
            await one.ready()
        yield one
        assert await one.stop() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def envoy(one: Dev) -> AsyncIterator[None]:
    """As the command says, on a port of its own for what Envoys share."""
    process = await asyncio.create_subprocess_exec(
        str(binary()), "-c", str(one.bootstrap), "--base-id", str(one.http_port), "--log-level", "error"
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def redirecting(kube: Kube, namespace: str) -> str:
    """Something that Envoy answers alone: a redirect. Returns where it is."""
    spec = {"controller": "tulle.dev/dev"}
    await ensure(kube, "/apis/networking.k8s.io/v1/ingressclasses", {"metadata": {"name": "dev"}, "spec": spec})
    path = {"path": "/", "pathType": "Prefix", "redirect": {"hostname": "b.example.com"}}
    rules = [{"host": "a.example.com", "http": {"paths": [path]}}]
    body = {"apiVersion": "tulle.dev/v1alpha1", "kind": "CiliumIngress", "metadata": {"name": "web"}}
    await kube.create(CILIUM_INGRESS.path.url(namespace), body | {"spec": {"ingressClassName": "dev", "rules": rules}})
    return CILIUM_INGRESS.path.url(namespace, "web")


def programmed(body: dict[str, Any]) -> str:
    found = [one for one in body.get("status", {}).get("conditions", ()) if one["type"] == "Programmed"]
    return found[0]["message"] if found else ""


async def told(kube: Kube, url: str, message: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while message not in programmed(await kube.get(url)):  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(0.05)


@pytest.mark.envoy
async def test_an_envoy_started_as_it_says_serves_and_the_status_tells(
    api: ApiServer, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    url = await redirecting(kube, namespace)
    async with developing(api, namespace, tmp_path) as one:
        await told(kube, url, "no ingress proxy is connected")
        async with envoy(one):
            await told(kube, url, "acknowledged by 1 of 1 nodes")
            status, location = await asyncio.to_thread(ask, one.http_port)

    assert (status, location) == (302, "http://b.example.com/x")


def ask(port: int) -> tuple[int, str | None]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/x", headers={"Host": "a.example.com"})
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("Location")


async def test_importing_the_package_registers_nothing() -> None:
    code = "import sys, operators.ingress.addresses; sys.exit('kopf' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)

    assert await process.wait() == 0
