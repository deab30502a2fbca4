"""The agent and Envoy as processes, as on a node, started in the namespace that the test is in."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from operators.node_agent.envoy_admin import Admin, AdminUnreachable
from tests.xds.envoys import binary

PATIENCE = 30
ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def started(module: str, *arguments: str, **variables: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A module of ours, with TULLE_ variables; killed in the end if it has not ended."""
    environment = os.environ | {f"TULLE_{name.upper()}": str(value) for name, value in variables.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, env=environment, cwd=ROOT, stdin=-1, stdout=-1
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate(b"")


def agent(port: int, **variables: object):
    plain = {"xds_tls": "off", "xds_address": f"127.0.0.1:{port}", "log_format": "console"}
    own = {"node_name": "node-a", "pod_name": "p", "node_ip": "10.1.0.1", "health_port": 0, "retry_seconds": 0.05}
    return started("operators.node_agent.main", **(plain | own | {"announce_seconds": "[0]"} | variables))


class Proxy:
    """An Envoy with its launcher."""

    def __init__(self, launcher: asyncio.subprocess.Process, admin: Admin) -> None:
        self.launcher = launcher
        self.admin = admin

    async def ready(self) -> None:
        """Envoy has no event for it: ask, as the kubelet does."""
        async with asyncio.timeout(PATIENCE):
            while await asyncio.to_thread(self._not_ready):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def end(self) -> int:
        """As the kubelet does; returns its exit status."""
        self.launcher.terminate()
        async with asyncio.timeout(PATIENCE):
            return await self.launcher.wait()

    def _not_ready(self) -> str | None:
        try:
            return self.admin.not_ready()
        except AdminUnreachable as error:
            return str(error)


@asynccontextmanager
async def proxy(name: str, folder: Path, port: int, **variables: object) -> AsyncIterator[Proxy]:
    directory = folder / name
    own = {"node_name": "node-a", "pod_name": name, "xds_address": f"127.0.0.1:{port}", "xds_tls": "off"}
    envoy = {"envoy_binary": binary(), "envoy_directory": directory, "concurrency": 2, "envoy_log_level": "error"}
    drain = {"linger_seconds": 0.2, "drain_seconds": 20}
    async with started("operators.node_agent.launcher", **(own | envoy | drain | variables)) as launcher:
        one = Proxy(launcher, Admin(directory / "admin.sock"))
        try:
            yield one
        finally:
            if launcher.returncode is None:
                launcher.terminate()
                launcher.terminate()
                await launcher.wait()
