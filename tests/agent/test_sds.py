"""The stock Envoy with its certificate from the agent's socket: mTLS to the controller, renewal without a cut, restart of the agent."""

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import grpc
import pytest

from envoy_xds.events import Acked, Connected, Disconnected
from envoy_xds.order import CDS
from operators.ca.authority import Names, key_pem, make_key, make_root
from operators.ca.identity import controller_names
from operators.ca.spiffe import agent_id
from operators.controller.identify import by_certificate
from operators.node_agent.certificates import Identity
from operators.node_agent.envoy_admin import Admin, AdminUnreachable
from operators.node_agent.envoy_bootstrap import EnvoySettings, bootstrap
from operators.node_agent.sds import Secrets
from tests.xds.client import running
from tests.xds.envoys import binary, cluster, endpoints

pytestmark = pytest.mark.envoy
TRUST = ("cluster.local", "tulle-system")


class Mesh:
    def __init__(self) -> None:
        self.root = make_root(TRUST[0], datetime.now(UTC))
        self.controller = self.identity(controller_names(*TRUST, ["127.0.0.1"]))

    def identity(self, names: Names) -> Identity:
        key = make_key()
        issued = self.root.issue(key.public_key(), names, datetime.now(UTC), 0)
        return Identity(key_pem(key), b"".join(issued.chain), issued.bundle, issued.renew_at.timestamp(), b"")

    def node(self, name: str = "node-a") -> Identity:
        return self.identity(Names(agent_id(*TRUST, name)))

    def credentials(self) -> grpc.ServerCredentials:
        one = self.controller
        return grpc.ssl_server_credentials([(one.key, one.chain)], self.root.bundle, require_client_auth=True)

    def running(self, **options):
        return running(credentials=self.credentials(), identify=self.identify, **options)

    def identify(self, context, node):
        by_certificate(*TRUST)(context, node)
        return "v", "node-a"


@asynccontextmanager
async def envoy(folder, port: int) -> AsyncIterator[SimpleNamespace]:
    settings = EnvoySettings(
        "node-a",
        "p",
        xds_address=f"127.0.0.1:{port}",
        agent_socket=str(folder / "agent.sock"),
        envoy_directory=folder,
        concurrency=1,
    )
    path = folder / "bootstrap.json"
    path.write_text(json.dumps(bootstrap(settings)))
    arguments = ["-c", path, "--disable-hot-restart", "--concurrency", "1", "-l", "warn", "--log-path", folder / "log"]
    process = await asyncio.create_subprocess_exec(binary(), *arguments, stderr=sys.stderr)
    try:
        yield SimpleNamespace(admin=Admin(settings.admin_socket), process=process)
    finally:
        process.kill()
        await process.wait()


async def test_envoy_gets_its_certificate_and_the_controller_knows_its_node(tmp_path):
    mesh, secrets = Mesh(), Secrets()
    async with secrets.serving(tmp_path / "agent.sock"), mesh.running() as server, envoy(tmp_path, server.port):
        server.apply(cluster("c"), endpoints("c", 1))
        secrets.publish(mesh.node())  # later than Envoy asked
        await server.until_acked(CDS, "c")

        assert server.seen(Connected) == [Connected("envoy/node-a/p", "v", "node-a")]


async def test_a_certificate_of_another_node_sees_nothing(tmp_path):
    mesh, secrets, refused = Mesh(), Secrets(), asyncio.Event()

    def identify(context, node):
        try:
            return mesh.identify(context, node)
        except Exception:
            refused.set()
            raise

    secrets.publish(mesh.node("node-b"))
    serving = running(credentials=mesh.credentials(), identify=identify)
    async with secrets.serving(tmp_path / "agent.sock"), serving as server, envoy(tmp_path, server.port):
        async with asyncio.timeout(20):
            await refused.wait()

        assert not server.seen(Connected)


async def test_a_renewal_cuts_nothing_and_counts_at_the_next_connection(tmp_path):
    mesh, secrets = Mesh(), Secrets()
    secrets.publish(mesh.node())
    async with secrets.serving(tmp_path / "agent.sock"), mesh.running() as server, envoy(tmp_path, server.port) as one:
        server.apply(cluster("c"), endpoints("c", 1))
        await server.until_acked(CDS, "c")
        old, mesh.root = mesh.root, make_root(TRUST[0], datetime.now(UTC))
        secrets.publish(mesh.node())
        await until(lambda: one.admin.statistics("sds").get("sds.identity.update_success", 0) >= 2)
        server.apply(cluster("d"), endpoints("d", 1))
        await server.until_acked(CDS, "d")

        assert not server.seen(Disconnected)
        assert old.certificate != mesh.root.certificate
        port = server.port
        await server.ads.stop(server.grpc, grace=0)
        mesh.controller = mesh.identity(controller_names(*TRUST, ["127.0.0.1"]))
        async with mesh.running(port=port) as renewed:
            renewed.apply(cluster("c"), endpoints("c", 1), cluster("d"), endpoints("d", 1))
            await renewed.until(lambda: renewed.seen(Acked))


async def test_without_an_agent_envoy_goes_on_with_what_it_has_and_finds_the_controller_again(tmp_path):
    mesh, secrets = Mesh(), Secrets()
    secrets.publish(mesh.node())
    async with mesh.running() as server, envoy(tmp_path, server.port):
        async with secrets.serving(tmp_path / "agent.sock"):
            server.apply(cluster("c"), endpoints("c", 1))
            await server.until_acked(CDS, "c")
        await server.ads.stop(server.grpc, grace=0)
        async with mesh.running(port=server.port) as again:
            again.apply(cluster("c"), endpoints("c", 1), cluster("d"), endpoints("d", 1))
            await again.until_acked(CDS, "d")


async def test_an_agent_that_is_started_again_serves_on_the_same_path_even_beside_its_predecessor(tmp_path):
    mesh, path = Mesh(), tmp_path / "agent.sock"
    path.write_text("left over")
    first, second = Secrets(), Secrets()
    async with first.serving(path):
        async with second.serving(path):
            pass
        assert not stat.S_ISREG(path.stat().st_mode)
    async with second.serving(path), mesh.running() as server, envoy(tmp_path, server.port):
        second.publish(mesh.node())
        await server.until(lambda: server.seen(Connected))


async def test_only_its_owner_may_open_the_socket(tmp_path):
    async with Secrets().serving(tmp_path / "agent.sock"):
        found = (tmp_path / "agent.sock").stat()

    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == os.getuid()


async def until(condition) -> None:
    """Envoy's statistics have no events: look until it is so."""
    async with asyncio.timeout(20):
        while True:
            try:
                if condition():
                    return
            except AdminUnreachable:
                pass
            await asyncio.sleep(0.02)
