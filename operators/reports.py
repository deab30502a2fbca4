"""What the leader hears of proxies that are connected to other replicas: every follower streams it what its proxies do.

A proxy that moves from one replica to another is heard of from both for a while: who last said that it is connected is believed.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import grpc
import structlog

from envoy_xds.events import Acked, Connected, Disconnected, Event, Nacked, ProxyEvent, Quarantined
from operators.node_api import node_pb2 as pb

log = structlog.get_logger("reports")

SERVICE = "tulle.node.v1.Reports"
METHOD = f"/{SERVICE}/Stream"
LOCAL = "local"
PAUSE = 1.0  # seconds between tries to reach the leader

Observer = Callable[[Event], None]
Condemn = Callable[[Quarantined], None]
Context = grpc.aio.ServicerContext[pb.Report, pb.ReportReply]


class Sources:
    """Passes on what proxies do, from whichever replica they are connected to."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)
        self._replica: dict[str, str] = {}  # proxy → who holds its stream

    def observer(self, replica: str) -> Callable[[ProxyEvent], None]:
        return lambda event: self.take(replica, event)

    def take(self, replica: str, event: ProxyEvent) -> None:
        if isinstance(event, Connected):
            self._replica[event.proxy] = replica
        elif self._replica.get(event.proxy) != replica:
            return
        if isinstance(event, Disconnected):
            del self._replica[event.proxy]
        for observer in self._observers:
            observer(event)

    def lost(self, replica: str) -> None:
        """Nothing more will come from this replica."""
        for proxy in [proxy for proxy, holder in self._replica.items() if holder == replica]:
            self.take(replica, Disconnected(proxy))

    def is_local(self, proxy: str) -> bool:
        return self._replica.get(proxy) == LOCAL


class Receiver:
    """The leader's side. `allowed` says whether a peer is a replica of ours."""

    def __init__(self, sources: Sources, condemn: Condemn, allowed: Callable[[Context], bool]) -> None:
        self._sources = sources
        self._condemn = condemn
        self._allowed = allowed

    def register(self, server: grpc.aio.Server) -> None:
        handler = grpc.stream_unary_rpc_method_handler(
            self._stream, pb.Report.FromString, pb.ReportReply.SerializeToString
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Stream": handler}),))

    async def _stream(self, reports: AsyncIterator[pb.Report], context: Context) -> pb.ReportReply:
        if not self._allowed(context):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "only replicas of the controller report")
        replica = context.peer()
        log.info("replica reports", replica=replica)
        try:
            async for report in reports:
                event = decode(report)
                if isinstance(event, Quarantined):
                    self._condemn(event)
                else:
                    self._sources.take(replica, event)
        finally:
            log.info("replica gone", replica=replica)
            self._sources.lost(replica)
        return pb.ReportReply()


class Sender:
    """A follower's side: what is known at first, then what happens. `connect` opens a channel to an address."""

    def __init__(
        self,
        leader: Callable[[], str | None],
        snapshot: Callable[[], Iterable[Event]],
        connect: Callable[[str], grpc.aio.Channel],
        pause: float = PAUSE,
    ) -> None:
        self._leader = leader
        self._snapshot = snapshot
        self._connect = connect
        self._pause = pause
        self._queue: asyncio.Queue[pb.Report] | None = None

    def take(self, event: Event) -> None:
        """Pass on what a local proxy did; nothing where nobody listens."""
        if self._queue is not None:
            report = encode(event)
            if report is not None:
                self._queue.put_nowait(report)

    async def run(self) -> None:
        """Report to whoever leads, for as long as that is someone else."""
        while True:
            address = self._leader()
            if address is not None:
                try:
                    await self._report(address)
                except grpc.aio.AioRpcError as error:
                    log.warning("reports interrupted", leader=address, error=error.details())
            await asyncio.sleep(self._pause)

    async def _report(self, address: str) -> None:
        async with self._connect(address) as channel:
            self._queue = asyncio.Queue()
            try:
                for event in self._snapshot():
                    self.take(event)
                call = channel.stream_unary(METHOD, pb.Report.SerializeToString, pb.ReportReply.FromString)
                await call(self._until_leader_changes(address, self._queue))
            finally:
                self._queue = None

    async def _until_leader_changes(self, address: str, queue: asyncio.Queue[pb.Report]) -> AsyncIterator[pb.Report]:
        while self._leader() == address:
            try:
                yield await asyncio.wait_for(queue.get(), self._pause)
            except TimeoutError:
                continue


def encode(event: Event) -> pb.Report | None:
    """None for what a replica finds out by itself, since all have the same resources."""
    match event:
        case Connected():
            return pb.Report(proxy=event.proxy, connected=pb.Connected(view=event.view, node=event.node))
        case Disconnected():
            return pb.Report(proxy=event.proxy, disconnected=pb.Disconnected())
        case Acked():
            acked = pb.Acknowledged(type_url=event.type_url, versions=_versions(event), complete=event.complete)
            return pb.Report(proxy=event.proxy, acknowledged=acked)
        case Nacked():
            rejected = pb.Rejected(type_url=event.type_url, versions=_versions(event), message=event.message)
            return pb.Report(proxy=event.proxy, rejected=rejected)
        case Quarantined():
            found = pb.Quarantined(
                view=event.view,
                type_url=event.type_url,
                name=event.name,
                key=event.key,
                digest=event.digest,
                message=event.message,
            )
            return pb.Report(quarantined=found)
        case _:
            return None


def decode(report: pb.Report) -> ProxyEvent | Quarantined:
    match report.WhichOneof("event"):
        case "connected":
            return Connected(report.proxy, report.connected.view, report.connected.node)
        case "disconnected":
            return Disconnected(report.proxy)
        case "acknowledged":
            acked = report.acknowledged
            return Acked(report.proxy, acked.type_url, _pairs(acked.versions), acked.complete)
        case "rejected":
            rejected = report.rejected
            return Nacked(report.proxy, rejected.type_url, _pairs(rejected.versions), rejected.message)
        case "quarantined":
            one = report.quarantined
            return Quarantined(one.view, one.type_url, one.name, one.key, one.digest, frozenset(), one.message)
        case other:
            raise ValueError(f"a report of {other}")


def _versions(event: Acked | Nacked) -> list[pb.Version]:
    return [pb.Version(name=name, version=version) for name, version in event.versions]


def _pairs(versions: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((one.name, one.version) for one in versions)
