"""Discovery, reports and bootstrap in a cluster: mTLS with the mesh's certificates, which are read anew at every handshake."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import structlog

from envoy_xds.server import AdsServer, new_server
from operators.ca.identity import Identity, MeshAuthority
from operators.controller.identify import by_certificate, is_controller
from operators.controller.process import Controller
from operators.reports import Receiver
from operators.settings import Settings

log = structlog.get_logger("xds")


class MutualTls:
    """Peers must have a certificate of the mesh, except on the bootstrap port, where they ask for one."""

    def __init__(self, settings: Settings, authority: MeshAuthority) -> None:
        self._settings = settings
        self._authority = authority

    @asynccontextmanager
    async def serve(self, controller: Controller) -> AsyncIterator[None]:
        settings, state = self._settings, controller.state
        trusted = settings.trust_domain, settings.namespace
        server, bootstrap = new_server(), new_server()
        ads = AdsServer(state.views, by_certificate(*trusted), controller.proxy_event)
        ads.register(server)
        Receiver(state.replicas, state.condemn, is_controller(*trusted)).register(server)
        self._authority.register(bootstrap)
        server.add_secure_port(
            f"{settings.bind_address}:{settings.ads_port}", credentials(self._authority.identity, mutual=True)
        )
        bootstrap.add_secure_port(
            f"{settings.bind_address}:{settings.bootstrap_port}", credentials(self._authority.identity, mutual=False)
        )
        await server.start()
        await bootstrap.start()
        try:
            yield
        finally:
            await ads.stop(server, settings.drain_seconds)
            await bootstrap.stop(settings.drain_seconds)

    def connect(self, address: str) -> grpc.aio.Channel:
        """To another replica, by its pod's address; its certificate is in the Service's name."""
        identity = self._authority.identity()
        name = f"tulle-controller.{self._settings.namespace}.svc"
        return grpc.aio.secure_channel(
            address,
            grpc.ssl_channel_credentials(identity.bundle, identity.key, identity.chain),
            options=[("grpc.ssl_target_name_override", name)],
        )


def credentials(identity: Callable[[], Identity], *, mutual: bool) -> grpc.ServerCredentials:
    """A renewed certificate or bundle counts from the next handshake on; gRPC asks, so nothing needs to be restarted."""

    def configuration() -> grpc.ServerCertificateConfiguration:
        now = identity()
        return grpc.ssl_server_certificate_configuration([(now.key, now.chain)], now.bundle if mutual else None)

    return grpc.dynamic_ssl_server_credentials(configuration(), configuration, require_client_authentication=mutual)
