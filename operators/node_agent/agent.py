"""One node's agent: certificates, the stream from the controller, addresses, secrets for Envoy. Put together here, run until cancelled."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import structlog
from prometheus_client import CollectorRegistry

from bpf.kernel import Kernel
from operators.health import serving
from operators.kube import Kube
from operators.node_agent.announce import Announcer, send
from operators.node_agent.backoff import Backoff
from operators.node_agent.certificates import Certificates, Files, Identity
from operators.node_agent.client import ADDRESSES, PLACES, SERVICE_PORTS, Client, Subscription, mutual, plaintext
from operators.node_agent.devices import Devices, link_ups
from operators.node_agent.discovery import controllers, target
from operators.node_agent.metrics import AgentMetrics, Reading
from operators.node_agent.reconcile import Reconciler
from operators.node_agent.sds import Secrets
from operators.node_agent.service_kernel import ServiceKernel
from operators.node_agent.settings import AgentSettings
from operators.node_agent.state import State, Update
from operators.node_api.node_pb2 import Address, IssueResponse
from operators.node_api.services import issue
from operators.services.choice import choose

log = structlog.get_logger("agent")

MIGRATE = Path("/proc/sys/net/ipv4/tcp_migrate_req")
ISSUE_SECONDS = 20.0


class Agent:
    def __init__(self, settings: AgentSettings, devices: Devices) -> None:
        self._settings = settings
        self._secrets = Secrets()
        self.certificates = Certificates(
            Files(settings.token_file, settings.bundle_file),
            self._issue,
            Backoff(settings.retry_seconds),
            self._renewed,
        )
        self.reconciler = Reconciler(devices, Announcer(settings.announce_seconds, send), settings.node_ip)
        self.addresses = Subscription(ADDRESSES, self._hold)
        subscriptions: list[Subscription[Any]] = [self.addresses]
        self.mesh: Client | None = None
        self.services: ServiceKernel | None = None
        if settings.services:
            kernel = Kernel(settings.bpf_root)
            self.services = ServiceKernel(settings.node_name, kernel, settings.bpf_objects, settings.cgroup, choose)
            subscriptions.append(Subscription(PLACES, self.services.place_told))
            self.mesh = self._client("mesh", Subscription(SERVICE_PORTS, self.services.ports_told))
        self.client = self._client("agent", *subscriptions)

    def _client(self, kind: str, *subscriptions: Subscription[Any]) -> Client:
        """A stream in the view of this kind (operators/controller/identify.py)."""
        settings = self._settings
        node_id = f"{kind}/{settings.node_name}/{settings.pod_name}"
        return Client(node_id, subscriptions, self._connect, Backoff(settings.retry_seconds))

    async def run(self) -> None:
        settings = self._settings
        registry = CollectorRegistry()
        registry.register(AgentMetrics(self._read))
        let_connections_migrate()
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            await stack.enter_async_context(
                serving(settings.health_address, settings.health_port, registry, self.not_ready)
            )
            if settings.xds_tls:
                group.create_task(self.certificates.run())
                group.create_task(self._serve_secrets())
            for work in (self.client.run(), self._rounds(), self._links()):
                group.create_task(work)
            if self.mesh is not None:
                group.create_task(self.mesh.run())

    def not_ready(self) -> str | None:
        if self._settings.xds_tls and self.certificates.identity is None:
            return "no certificate yet"
        return None if self.client.complete else "nothing heard from the controller yet"

    async def _hold(self, state: State[Address], _: Update[Address] | None = None) -> dict[str, str]:
        return await self.reconciler.round(state.values, prune=state.complete)

    async def _rounds(self) -> None:
        """What others changed on the node is put right."""
        while True:
            await asyncio.sleep(self._settings.round_seconds)
            problems = await self._hold(self.addresses.state)
            if problems:
                log.error("addresses that cannot be held", problems=problems)

    async def _links(self) -> None:
        while True:
            try:
                async for device in link_ups():
                    log.info("device came up", device=device.name)
                    await self._hold(self.addresses.state)
                    self.reconciler.announce_on(device)
            except OSError as error:  # more events than the kernel keeps for us: we missed some
                log.warning("link events lost", error=str(error))

    async def _serve_secrets(self) -> None:
        """Only when there are some: an Envoy that had them from an agent before us must not hear that there are none."""
        await self.certificates.ready()
        async with self._secrets.serving(self._settings.agent_socket, self._settings.envoy_uid):
            await asyncio.Event().wait()

    def _renewed(self, identity: Identity) -> None:
        self._secrets.publish(identity)

    async def _connect(self) -> grpc.aio.Channel:
        settings = self._settings
        if not settings.xds_tls:
            return plaintext(settings.xds_address)
        address = await self._address(settings.xds_address)
        one = await self.certificates.ready()
        return mutual(address, settings.server_name, one.bundle, one.key, one.chain)

    async def _address(self, known: str) -> str:
        """Where to connect to: where Services do not work before us, the API server knows the pods behind them."""
        if not self._settings.ask_api_server:
            return known
        async with await Kube.connect() as kube:
            return target(await controllers(kube, self._settings.server_name), int(known.rpartition(":")[2]))

    async def _issue(self, roots: bytes, csr: bytes, token: str) -> IssueResponse:
        settings = self._settings
        credentials = grpc.ssl_channel_credentials(roots)
        options = [("grpc.ssl_target_name_override", settings.server_name)]
        address = await self._address(settings.bootstrap_address)
        async with grpc.aio.secure_channel(address, credentials, options) as channel:
            return await issue(channel, csr, token, ISSUE_SECONDS)

    def _read(self) -> Reading:
        identity = self.certificates.identity
        return Reading(
            len(self.reconciler.held),
            len(self.reconciler.problems),
            self.client.connected,
            identity.renew_at if identity else 0.0,
            self.services.balanced if self.services else None,
            self.services.writes if self.services else 0,
            self.services.counts() if self.services else {},
        )


def let_connections_migrate() -> None:
    """So that an Envoy that closes its listeners hands its waiting connections to the one that shares the port."""
    try:
        if MIGRATE.read_text(encoding="ascii").strip() != "1":  # it may be set already, by whom may do more than we
            MIGRATE.write_text("1", encoding="ascii")
    except OSError as error:
        log.warning(
            "an Envoy that is replaced may lose connections: the sysctl could not be set",
            sysctl="net.ipv4.tcp_migrate_req",
            error=str(error),
        )
