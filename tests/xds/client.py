"""A discovery client for tests: says what it is told to say, and shows what it got."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import grpc

from envoy_xds.api import message
from envoy_xds.cache import Views
from envoy_xds.events import Acked, Event
from envoy_xds.resource import Fragment, Resource, simple
from envoy_xds.server import SERVICE, AdsServer, new_server
from operators.ir.refs import ObjectRef

DeltaRequest = message("envoy.service.discovery.v3.DeltaDiscoveryRequest")
DeltaResponse = message("envoy.service.discovery.v3.DeltaDiscoveryResponse")
WholeRequest = message("envoy.service.discovery.v3.DiscoveryRequest")
WholeResponse = message("envoy.service.discovery.v3.DiscoveryResponse")
Text = message("google.protobuf.StringValue")
FENCE = "type.googleapis.com/test.Fence"
PATIENCE = 20


def ref(name: str) -> ObjectRef:
    return ObjectRef("Ingress", "default", name)


def thing(type_url: str, name: str, content: str, *owners: str) -> Resource:
    """A resource whose first field is a text, which most types have: the server looks no further."""
    return simple(type_url, name, Text(value=content).SerializeToString(), frozenset(map(ref, owners)))


def text(body: bytes) -> str:
    return body.decode() if body.startswith(b"<") else Text.FromString(body).value


def pieces(type_url: str, name: str, **parts: str) -> Resource:
    """A resource of a head and named fragments, each owned by the object of its name."""
    head = Fragment("", f"<{name}>".encode(), frozenset())
    return Resource(
        type_url,
        name,
        (head, *(Fragment(k, f"[{k}={v}]".encode(), frozenset({ref(k)})) for k, v in sorted(parts.items()))),
    )


class Client:
    """One stream. `fence` returns what arrived so far: the server answers in order, so nothing else was on its way."""

    def __init__(self, channel: grpc.aio.Channel, proxy: str, *, whole: bool = False) -> None:
        method = "StreamAggregatedResources" if whole else "DeltaAggregatedResources"
        self._request = WholeRequest if whole else DeltaRequest
        self._node = {"id": proxy}
        self._fences = 0
        self.call = channel.stream_stream(
            f"/{SERVICE}/{method}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=(WholeResponse if whole else DeltaResponse).FromString,
        )()

    async def send(self, type_url: str, **fields) -> None:
        await self.call.write(self._request(type_url=type_url, node=self._node, **fields))
        self._node = None

    async def receive(self):
        async with asyncio.timeout(PATIENCE):
            return await self.call.read()

    async def ack(self, response, **fields) -> None:
        await self.send(response.type_url, response_nonce=response.nonce, **fields)

    async def nack(self, response, text: str, **fields) -> None:
        await self.ack(response, error_detail={"code": 3, "message": text}, **fields)

    async def fence(self) -> list:
        self._fences += 1
        name = f"fence-{self._fences}"
        await self.send(FENCE, resource_names_subscribe=[name])
        arrived = []
        while (response := await self.receive()).type_url != FENCE:
            arrived.append(response)
        assert list(response.removed_resources) == [name]
        await self.ack(response)
        return arrived


class Server:
    """The real server on a free port, with what it observed."""

    def __init__(self, **options) -> None:
        self.events: list[Event] = []
        self._happened = asyncio.Event()
        self.views = Views(self._observe)
        self.ads = AdsServer(self.views, options.get("identify", lambda context, node: ("v", node.id)), self._observe)
        self.grpc = new_server()
        self.ads.register(self.grpc)
        self.credentials = options.get("credentials")
        self.port = options.get("port", 0)

    @property
    def cache(self):
        return self.views.cache("v")

    def apply(self, *resources: Resource, removes: Iterable[tuple[str, str]] = ()) -> None:
        self.cache.apply(resources, removes)

    def _observe(self, event: Event) -> None:
        self.events.append(event)
        self._happened.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the event after which the condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._happened.clear()
                await self._happened.wait()

    async def until_acked(self, type_url: str, name: str) -> None:
        """Until the resource as it is published now (or its absence) is acknowledged."""
        entry = self.cache.entries(type_url).get(name)
        wanted = (name, entry.version if entry else "")
        await self.until(lambda: any(e.type_url == type_url and wanted in e.versions for e in self.seen(Acked)))

    def seen(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    async def start(self) -> None:
        if self.credentials:
            self.port = self.grpc.add_secure_port(f"127.0.0.1:{self.port}", self.credentials)
        else:
            self.port = self.grpc.add_insecure_port(f"127.0.0.1:{self.port}")
        await self.grpc.start()


@asynccontextmanager
async def running(**options) -> AsyncIterator[Server]:
    server = Server(**options)
    await server.start()
    try:
        yield server
    finally:
        await server.ads.stop(server.grpc, grace=0)


@asynccontextmanager
async def connected(
    server: Server, proxy: str = "p", *, whole: bool = False, credentials=None
) -> AsyncIterator[Client]:
    address = f"{'localhost' if credentials else '127.0.0.1'}:{server.port}"
    channel = grpc.aio.secure_channel(address, credentials) if credentials else grpc.aio.insecure_channel(address)
    async with channel:
        client = Client(channel, proxy, whole=whole)
        try:
            yield client
        finally:
            client.call.cancel()


def names(response) -> set[str]:
    return {resource.name for resource in response.resources}


def bodies(response) -> dict[str, str]:
    return {resource.name: text(resource.resource.value) for resource in response.resources}
