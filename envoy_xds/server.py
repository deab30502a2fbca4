"""Aggregated discovery over gRPC, delta and state of the world: connects streams of proxies to the caches of their views.

In: `Views`, a function that says which view a peer may see, an observer for what proxies do. It knows nothing of what the
resources mean. A stream that does not take what is written to it, or whose peer is gone, is closed; the proxy comes back and
says what it has.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
import structlog

from envoy_xds.cache import Views
from envoy_xds.encoding import Node, delta_request, whole_request
from envoy_xds.events import Connected, Disconnected, ProxyEvent
from envoy_xds.streams import DeltaStream, Request, Stream, WholeStream

log = structlog.get_logger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_EOF: object = grpc.aio.EOF  # type: ignore[attr-defined] # the stubs lack it
SLOW = 60.0
"""Seconds after which a peer that takes no bytes is given up."""

OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 64 << 20),  # what a proxy has, by name, when it comes back
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    (
        "grpc.http2.max_ping_strikes",
        0,
    ),  # proxies and agents ping a quiet stream every ten seconds, and gRPC measures by pings too
]

R = TypeVar("R", bound=Request)
Context = grpc.aio.ServicerContext[Any, bytes]
Identify = Callable[[Context, Node], tuple[str, str]]
"""Which view a peer may see and which node it is on, by what it proved and says; raises `Refused`."""


class Refused(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The peer may not see anything; the message is told to it."""


def new_server() -> grpc.aio.Server:
    """A gRPC server with the options that long streams need; other services may be added to it."""
    return grpc.aio.server(options=OPTIONS)


class AdsServer:
    def __init__(self, views: Views, identify: Identify, observer: Callable[[ProxyEvent], None]) -> None:
        self._views = views
        self._identify = identify
        self._observer = observer
        self._streams: Counter[str] = Counter()
        self._closing: set[asyncio.Future[None]] = set()

    @property
    def streams(self) -> int:
        return self._streams.total()

    def register(self, server: grpc.aio.Server) -> None:
        methods = {
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(self._delta, delta_request),
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(self._whole, whole_request),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    async def stop(self, server: grpc.aio.Server, grace: float = 5.0) -> None:
        """Send everyone elsewhere: connections are told to go away first, so that no stream comes back to this process."""
        stopping = asyncio.ensure_future(server.stop(grace))
        await asyncio.sleep(0)
        waiting = list(self._closing)
        for number, closing in enumerate(waiting):
            if not closing.done():
                closing.set_result(None)
            if number % 10 == 9:
                await asyncio.sleep(grace / 2 / (len(waiting) / 10))
        await stopping

    async def _delta(self, _: object, context: Context) -> None:
        await self._serve(context, DeltaStream)

    async def _whole(self, _: object, context: Context) -> None:
        await self._serve(context, WholeStream)

    async def _serve(self, context: Context, kind: Callable[..., Stream[R]]) -> None:
        request = await context.read()
        if request is _EOF:
            return
        try:
            view, node = self._identify(context, request.node)
        except Refused as error:
            log.warning("stream refused", peer=context.peer(), proxy=request.node.id, reason=str(error))
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
        wake = asyncio.Event()
        cache = self._views.cache(view)
        stream = kind(cache, request.node.id, self._observer, wake.set, time.monotonic)
        async with self._announced(request.node.id, view, node):
            cache.watch(stream)
            try:
                await self._run(context, stream, wake, request)
            finally:
                cache.unwatch(stream)

    @asynccontextmanager
    async def _announced(self, proxy: str, view: str, node: str) -> AsyncIterator[None]:
        """A proxy is gone when its last stream is: it may come back before we notice that the old one is dead."""
        self._streams[proxy] += 1
        self._observer(Connected(proxy, view, node))
        try:
            yield
        finally:
            self._streams[proxy] -= 1
            if not self._streams[proxy]:
                del self._streams[proxy]
                self._observer(Disconnected(proxy))

    async def _run(self, context: Context, stream: Stream[R], wake: asyncio.Event, first: R) -> None:
        """Until the peer leaves, does not take its bytes, or the server stops."""
        closing = asyncio.get_running_loop().create_future()
        self._closing.add(closing)
        reading = asyncio.ensure_future(_read(context, stream, first))
        writing = asyncio.ensure_future(_write(context, stream, wake))
        try:
            done, _ = await asyncio.wait({reading, writing, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._closing.discard(closing)
            for task in (reading, writing):
                task.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
        if closing in done:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this replica stops; connect to another one")
        for ended in done:
            await ended


async def _read(context: Context, stream: Stream[R], request: R) -> None:
    while request is not _EOF:
        stream.receive(request)
        request = await context.read()


async def _write(context: Context, stream: Stream[R], wake: asyncio.Event) -> None:
    while True:
        wake.clear()
        while (response := stream.next()) is not None:
            try:
                async with asyncio.timeout(SLOW):
                    await context.write(response.data)
            except TimeoutError:
                log.warning("stream closed: the peer takes no bytes", proxy=stream.proxy, seconds=SLOW)
                return
        await _until(wake, stream.retry_in())


async def _until(wake: asyncio.Event, seconds: float | None) -> None:
    if seconds is None:
        await wake.wait()
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        wake.set()
