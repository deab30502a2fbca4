"""Discovery without TLS, for development on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog

from envoy_xds.server import AdsServer, new_server
from operators.controller.identify import by_node_id
from operators.controller.process import Controller

log = structlog.get_logger("xds")


class Plaintext:
    """Whoever connects is believed, so it listens on loopback only."""

    @asynccontextmanager
    async def serve(self, controller: Controller) -> AsyncIterator[None]:
        settings = controller.settings
        server = new_server()
        ads = AdsServer(controller.state.views, by_node_id, controller.proxy_event)
        ads.register(server)
        port = server.add_insecure_port(f"127.0.0.1:{settings.ads_port}")
        await server.start()
        log.info("discovery without TLS", address=f"127.0.0.1:{port}")
        try:
            yield
        finally:
            await ads.stop(server, settings.drain_seconds)

    def connect(self, address: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(address)
