"""The agent's delta ADS streams: each subscribes to some kinds of resource, hands responses on, answers with what came of them.

A lost stream is opened again with what we have, so nothing is sent twice; meanwhile the node stays as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import grpc
import structlog
from google.protobuf.message import DecodeError

from envoy_xds.api import encode, message
from operators.ir.services import ServicePort
from operators.node_agent.backoff import Backoff
from operators.node_agent.state import State, Told, Update
from operators.node_api import service_port
from operators.node_api.node_pb2 import Address, Place

log = structlog.get_logger("xds")

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
REQUEST = "envoy.service.discovery.v3.DeltaDiscoveryRequest"
RESPONSE = "envoy.service.discovery.v3.DeltaDiscoveryResponse"
INVALID_ARGUMENT = 3
KEEPALIVE = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000)]

T = TypeVar("T")
Problems = Mapping[str, str]
"""What could not be done, by resource name."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A type of resource, and how its bytes are read; what cannot be read raises ValueError or protobuf's DecodeError."""

    type_url: str
    parse: Callable[[bytes], T]


ADDRESSES = Kind(f"type.googleapis.com/{Address.DESCRIPTOR.full_name}", Address.FromString)
PLACES = Kind(f"type.googleapis.com/{Place.DESCRIPTOR.full_name}", Place.FromString)
SERVICE_PORTS: Kind[ServicePort] = Kind(service_port.TYPE_URL, service_port.decode)
Apply = Callable[[State[T], Update[T]], Awaitable[Problems]]
"""Make the node as the state says, which differs from before by the update."""
Connect = Callable[[], Awaitable[grpc.aio.Channel]]


class _Body(Protocol):
    value: bytes


class _Resource(Protocol):
    name: str
    version: str
    resource: _Body


class Response(Protocol):
    type_url: str
    nonce: str
    resources: Iterable[_Resource]
    removed_resources: Iterable[str]


class Subscription(Generic[T]):
    """One kind of resource on a stream: what was told of it, and who makes the node so."""

    def __init__(self, kind: Kind[T], apply: Apply[T]) -> None:
        self.kind = kind
        self.state: State[T] = State()
        self._apply = apply

    async def take(self, response: Response) -> Problems:
        """Apply it; returns the problems of what was in it, which is taken back."""
        update, unread = read(response, self.kind)
        before = self.state
        self.state = before.after(update)
        problems = await self._apply(self.state, update)
        bad = unread | {name: problem for name, problem in problems.items() if name in update.added}
        if bad:
            log.error("rejected", problems=bad)
            self.state = self.state.taking_back(bad, before)
        return bad


class Client:
    """One stream. `node_id` says who asks and so which view it sees."""

    def __init__(
        self, node_id: str, subscriptions: Iterable[Subscription[Any]], connect: Connect, backoff: Backoff
    ) -> None:
        self.connected = False
        self._node_id = node_id
        self._subscriptions = {one.kind.type_url: one for one in subscriptions}
        self._connect = connect
        self._backoff = backoff

    @property
    def complete(self) -> bool:
        """Whether everything was told once."""
        return all(one.state.complete for one in self._subscriptions.values())

    async def run(self) -> None:
        while True:
            try:
                async with await self._connect() as channel:
                    await self._stream(channel)
                log.info("the controller ended the stream", stream=self._node_id)
            except grpc.aio.AioRpcError as error:
                log.warning("stream lost", stream=self._node_id, code=error.code().name, error=error.details())
            except OSError as error:
                log.warning("no controller found", stream=self._node_id, error=str(error))
            finally:
                self.connected = False
            await asyncio.sleep(self._backoff.pause())

    async def _stream(self, channel: grpc.aio.Channel) -> None:
        call = channel.stream_stream(METHOD, encode, message(RESPONSE).FromString)()  # type: ignore[call-arg] # optional in truth
        for type_url, subscription in self._subscriptions.items():
            await call.write(first_request(self._node_id, type_url, subscription.state.versions))
        async for response in cast("AsyncIterator[Response]", call):
            self.connected = True
            self._backoff.reset()
            problems = await self._subscriptions[response.type_url].take(response)
            await call.write(answer(response.type_url, response.nonce, problems))


def plaintext(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=KEEPALIVE)


def mutual(address: str, server_name: str, bundle: bytes, key: bytes, chain: bytes) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(bundle, key, chain)
    options = [*KEEPALIVE, ("grpc.ssl_target_name_override", server_name)]
    return grpc.aio.secure_channel(address, credentials, options=options)


def first_request(node_id: str, type_url: str, versions: Mapping[str, str]) -> Any:
    return message(REQUEST)(
        node={"id": node_id, "cluster": "tulle"},
        type_url=type_url,
        resource_names_subscribe=["*"],
        initial_resource_versions=versions,
    )


def answer(type_url: str, nonce: str, problems: Problems) -> Any:
    """Accepted, or rejected with the reasons."""
    text = "; ".join(f"{name}: {problem}" for name, problem in sorted(problems.items()))
    rejection = {"error_detail": {"code": INVALID_ARGUMENT, "message": text}} if problems else {}
    return message(REQUEST)(type_url=type_url, response_nonce=nonce, **rejection)


def read(response: Response, kind: Kind[T]) -> tuple[Update[T], dict[str, str]]:
    """What it says, and what of it cannot be read (a controller of another version), by name."""
    added: dict[str, Told[T]] = {}
    unread: dict[str, str] = {}
    for one in response.resources:
        try:
            added[one.name] = Told(one.version, kind.parse(one.resource.value))
        except (ValueError, KeyError, DecodeError) as error:
            unread[one.name] = f"not understood: {error!r}"
    return Update(added, frozenset(response.removed_resources)), unread
