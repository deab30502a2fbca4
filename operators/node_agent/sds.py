"""Gives the node's Envoy its certificate and the mesh's roots by SDS on a Unix socket, and again when they are renewed.

It is the discovery server with a cache of two secrets, under the name that Envoy asks for secrets by.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import structlog

from envoy_xds.api import encode, from_dict
from envoy_xds.cache import Views
from envoy_xds.encoding import Node, delta_request, whole_request
from envoy_xds.events import Nacked, ProxyEvent
from envoy_xds.order import SDS
from envoy_xds.resource import Resource, simple
from envoy_xds.server import AdsServer, Context, new_server
from operators.node_agent.certificates import Identity
from operators.node_agent.envoy_bootstrap import IDENTITY, TRUST_BUNDLE

log = structlog.get_logger("sds")

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
MESSAGE = "envoy.extensions.transport_sockets.tls.v3.Secret"
VIEW = "local"


class SecretServer(AdsServer):
    def register(self, server: grpc.aio.Server) -> None:
        methods = {
            "DeltaSecrets": grpc.stream_stream_rpc_method_handler(self._delta, delta_request),
            "StreamSecrets": grpc.stream_stream_rpc_method_handler(self._whole, whole_request),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))


class Secrets:
    """`publish` what Envoy should have; `serving` lets it have it."""

    def __init__(self) -> None:
        self._views = Views(lambda _: None)
        self._server = SecretServer(self._views, _local, _observe)

    def publish(self, identity: Identity) -> None:
        self._views.cache(VIEW).apply(secrets(identity))

    @asynccontextmanager
    async def serving(self, path: Path, owner: int = -1) -> AsyncIterator[None]:
        """On a socket that only `owner` may open (-1: only we)."""
        server = new_server()
        self._server.register(server)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # made beside and moved over what an earlier agent left: there is no moment without a socket, and none of them removes another's
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            server.add_insecure_port(f"unix:{beside}")
        finally:
            os.umask(before)
        if owner >= 0:
            os.chown(beside, owner, -1)
        await server.start()
        beside.rename(path)
        try:
            yield
        finally:
            await self._server.stop(server, 0)


def secrets(identity: Identity) -> list[Resource]:
    certificate = {"certificate_chain": _inline(identity.chain), "private_key": _inline(identity.key)}
    return [
        _secret(IDENTITY, {"tls_certificate": certificate}),
        _secret(TRUST_BUNDLE, {"validation_context": {"trusted_ca": _inline(identity.bundle)}}),
    ]


def _secret(name: str, fields: dict[str, object]) -> Resource:
    return simple(SDS, name, encode(from_dict(MESSAGE, {"name": name, **fields})))


def _inline(pem: bytes) -> dict[str, str]:
    return {"inline_string": pem.decode()}


def _local(_: Context, node: Node) -> tuple[str, str]:
    """Whoever may open the socket."""
    return VIEW, node.id


def _observe(event: ProxyEvent) -> None:
    if isinstance(event, Nacked):
        log.error("Envoy refuses a secret", proxy=event.proxy, error=event.message)
