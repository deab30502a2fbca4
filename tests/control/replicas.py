"""The controller as processes of its own, and a proxy that says yes to everything it is told."""

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc

from e2e.ports import free_port
from envoy_xds.order import CDS, EDS, LDS, RDS
from operators.ca.authority import Names, key_pem, make_key
from operators.ca.spiffe import agent_id
from operators.ca.store import Store
from operators.controller.node_resources import TYPE_URL
from operators.kube import Kube, KubeError
from tests.apiserver import ApiServer
from tests.xds.client import Client

PATIENCE = 60
START = [sys.executable, "-c", "from operators.main import run; run()"]


@dataclass
class Replica:
    process: asyncio.subprocess.Process
    ads_port: int
    health_port: int

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.get("/readyz") != "ok":
                assert self.process.returncode is None, "the controller ended"
                await asyncio.sleep(0.05)

    async def get(self, path: str) -> str:
        return await asyncio.to_thread(_read, f"http://127.0.0.1:{self.health_port}{path}")

    async def leads(self) -> bool:
        return "tulle_leading 1.0" in await self.get("/metrics")

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def replica(
    api: ApiServer, namespace: str, name: str, port: int | None = None, **settings: str
) -> AsyncIterator[Replica]:
    """`port`: of a wire to the API server."""
    ads, bootstrap, health = free_port(), free_port(), free_port()
    wanted = {
        "namespace": namespace,
        "pod_name": name,
        "bind_address": "127.0.0.1",
        "exposure": "HostNetwork",
        "ads_port": ads,
        "bootstrap_port": bootstrap,
        "health_port": health,
        "lease_seconds": 3,
        "lease_renew_seconds": 2,
        "lease_retry_seconds": 0.3,
        "proxy_grace_seconds": 2,
        "freshness_interval_seconds": 1,
        "drain_seconds": 1,
        "log_format": "console",
    }
    variables = {f"TULLE_{name.upper()}": str(value) for name, value in (wanted | settings).items()}
    environment = dict(os.environ, KUBECONFIG=str(api.kubeconfig(port)), **variables)
    one = Replica(await asyncio.create_subprocess_exec(*START, env=environment), ads, health)
    try:
        yield one
    finally:
        await one.stop(signal.SIGKILL)


@asynccontextmanager
async def proxy(kube: Kube, namespace: str, port: int, name: str) -> AsyncIterator[Client]:
    """A proxy or agent by its name, kind/node/pod, with its node's certificate; it acknowledges until left."""
    authority = await Store(kube, namespace, "cluster.local").load(datetime.now(UTC))
    key = make_key()
    issued = authority.issue(
        key.public_key(), Names(agent_id("cluster.local", namespace, name.split("/")[1])), datetime.now(UTC), 0
    )
    credentials = grpc.ssl_channel_credentials(issued.bundle, key_pem(key), b"".join(issued.chain))
    options = [("grpc.ssl_target_name_override", f"tulle-controller.{namespace}.svc")]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        client = Client(channel, name)
        for type_url in (TYPE_URL,) if name.startswith("agent/") else (CDS, EDS, LDS, RDS):
            await client.send(type_url, resource_names_subscribe=["*"])
        task = asyncio.create_task(_agree(client))
        try:
            yield client
        finally:
            task.cancel()
            client.call.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _agree(client: Client) -> None:
    while (response := await client.call.read()) is not grpc.aio.EOF:
        await client.ack(response)


async def ensure(kube: Kube, url: str, body: dict[str, Any]) -> None:
    try:
        await kube.create(url, body)
    except KubeError as error:
        if error.status != 409:
            raise


def _read(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError) as error:
        return str(error)
