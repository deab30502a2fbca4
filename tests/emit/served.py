"""The stock Envoy, configured over the real discovery server from the tables of the IR, and backends behind it."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web

from e2e.fetch import Answer, TlsRefusedError, fetch
from envoy_xds.listeners import routes_name
from envoy_xds.order import RDS
from operators.ir.routes import Scheme
from tests.emit.tables import World


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections, held so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@asynccontextmanager
async def backend(name: str):
    """Says who it is and what it saw."""

    async def answer(request: web.Request) -> web.Response:
        seen = {"pod": f"{name}-0-0", "method": request.method, "path": request.raw_path, "host": request.host}
        return web.json_response(seen | {"headers": dict(request.headers)}, headers={"X-Backend": name})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@dataclass
class Served:
    """An Envoy that serves a world, and how to ask it."""

    http: int
    https: int
    server: object
    world: World = field(default_factory=World)

    async def ask(self, url: str, **options) -> Answer:
        port = self.https if url.startswith("https") else self.http
        return await asyncio.to_thread(fetch, url, "127.0.0.1", port=port, **options)

    async def rows(self, table: dict[str, object], **options) -> dict[str, object]:
        """What really comes, in the terms of the table: a backend's name, a status, or 'refused'."""
        return {url: await self._outcome(url, **options) for url in table}

    async def _outcome(self, url: str, **options) -> object:
        try:
            answer = await self.ask(url, **options)
        except TlsRefusedError:
            return "refused"
        return answer.service or answer.status


async def publish(served: Served, *hosts) -> None:
    for one in hosts:
        served.world.virtual_hosts.set(one)
    served.world.graph.commit()
    await served.server.until_acked(RDS, routes_name("shared", Scheme.HTTP))
