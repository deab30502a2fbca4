"""The agent's delta ADS stream: subscribes to the node's resources, hands each response on, answers with what came of it.

A lost stream is opened again with what we have, so nothing is sent twice; meanwhile the node stays as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, cast

import grpc
import structlog

from envoy_xds.api import encode, message
from operators.node_agent.backoff import Backoff
from operators.node_agent.state import State, Told, Update
from operators.node_api.node_pb2 import Address

log = structlog.get_logger("xds")

TYPE_URL = f"type.googleapis.com/{Address.DESCRIPTOR.full_name}"
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
REQUEST = "envoy.service.discovery.v3.DeltaDiscoveryRequest"
RESPONSE = "envoy.service.discovery.v3.DeltaDiscoveryResponse"
INVALID_ARGUMENT = 3
KEEPALIVE = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000)]

Problems = Mapping[str, str]
Apply = Callable[[State], Awaitable[Problems]]
"""Make the node so; returns what could not be done, by resource name."""
Connect = Callable[[], Awaitable[grpc.aio.Channel]]


class _Body(Protocol):
    value: bytes


class _Resource(Protocol):
    name: str
    version: str
    resource: _Body


class Response(Protocol):
    nonce: str
    resources: Iterable[_Resource]
    removed_resources: Iterable[str]


class Client:
    def __init__(self, node_id: str, connect: Connect, apply: Apply, backoff: Backoff) -> None:
        self.state = State()
        self.connected = False
        self._node_id = node_id
        self._connect = connect
        self._apply = apply
        self._backoff = backoff

    async def run(self) -> None:
        while True:
            try:
                async with await self._connect() as channel:
                    await self._stream(channel)
                log.info("the controller ended the stream")
            except grpc.aio.AioRpcError as error:
                log.warning("stream lost", code=error.code().name, error=error.details())
            finally:
                self.connected = False
            await asyncio.sleep(self._backoff.pause())

    async def _stream(self, channel: grpc.aio.Channel) -> None:
        call = channel.stream_stream(METHOD, encode, message(RESPONSE).FromString)()  # type: ignore[call-arg] # optional in truth
        await call.write(first_request(self._node_id, self.state))
        async for response in cast("AsyncIterator[Response]", call):
            self.connected = True
            self._backoff.reset()
            problems = await self.take(read(response))
            await call.write(answer(response.nonce, problems))

    async def take(self, update: Update) -> Problems:
        """Apply it; returns the problems of what was in it, which is taken back."""
        before = self.state
        self.state = before.after(update)
        problems = await self._apply(self.state)
        bad = {name: problem for name, problem in problems.items() if name in update.added}
        if bad:
            log.error("rejected", problems=bad)
            self.state = self.state.taking_back(bad, before)
        return bad


def plaintext(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=KEEPALIVE)


def mutual(address: str, server_name: str, bundle: bytes, key: bytes, chain: bytes) -> grpc.aio.Channel:
    credentials = grpc.ssl_channel_credentials(bundle, key, chain)
    options = [*KEEPALIVE, ("grpc.ssl_target_name_override", server_name)]
    return grpc.aio.secure_channel(address, credentials, options=options)


def first_request(node_id: str, state: State) -> Any:
    return message(REQUEST)(
        node={"id": node_id, "cluster": "tulle"},
        type_url=TYPE_URL,
        resource_names_subscribe=["*"],
        initial_resource_versions=state.versions,
    )


def answer(nonce: str, problems: Problems) -> Any:
    """Accepted, or rejected with the reasons."""
    text = "; ".join(f"{name}: {problem}" for name, problem in sorted(problems.items()))
    rejection = {"error_detail": {"code": INVALID_ARGUMENT, "message": text}} if problems else {}
    return message(REQUEST)(type_url=TYPE_URL, response_nonce=nonce, **rejection)


def read(response: Response) -> Update:
    added = {one.name: Told(one.version, Address.FromString(one.resource.value)) for one in response.resources}
    return Update(added, frozenset(response.removed_resources))
