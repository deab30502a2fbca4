"""/livez, /readyz and /metrics over plain HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

Why = Callable[[], str | None]
Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(
    address: str, port: int, registry: CollectorRegistry, not_ready: Why, not_alive: Why = lambda: None
) -> AsyncIterator[int]:
    """Serve until left; yields the port. `not_ready` and `not_alive` say why not, or None."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/livez", _check(not_alive)),
            web.get("/readyz", _check(not_ready)),
            web.get("/metrics", _metrics(registry)),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _check(why: Why) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        reason = why()
        return web.Response(text=reason or "ok", status=503 if reason else 200)

    return answer


def _metrics(registry: CollectorRegistry) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return answer
