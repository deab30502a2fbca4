"""One replica's life: sync, serve, take part in the election, write when leading, end when something is beyond repair."""

import asyncio
import gc
import socket
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Any, Protocol

import grpc
import structlog
from prometheus_client import CollectorRegistry

from envoy_xds.events import Acked, Connected, Disconnected, Event, Nacked, ProxyEvent
from operators.controller.kinds import WRITTEN
from operators.controller.mesh import Changed, MeshState
from operators.controller.readings import read
from operators.controller.statuses import Statuses
from operators.debounce import Driver
from operators.freshness import Freshness
from operators.health import serving
from operators.ir.refs import ObjectRef
from operators.kube import Kube
from operators.leader import Election, Terms
from operators.metrics import Readings, commit_histogram
from operators.reports import LOCAL, Sender
from operators.settings import Settings
from operators.status.queue import Bucket
from operators.status.writer import StatusWriter
from operators.watches import Watch

log = structlog.get_logger("controller")

TICK = 1.0
PROXY_EVENTS = (Connected, Disconnected, Acked, Nacked)


class Transport(Protocol):
    """How proxies, agents and replicas reach each other: mTLS in a cluster, plaintext on loopback in development."""

    def serve(self, controller: "Controller") -> AbstractAsyncContextManager[None]:
        """Serve discovery (and what else there is) until left, then drain."""

    def connect(self, address: str) -> grpc.aio.Channel:
        """To another replica."""


class Controller:
    """Made without a loop, so that handlers can be registered first; `start` before anything is watched, then `run`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._told: Changed = _nobody
        self.state = MeshState(settings, self._observe, self._changed)
        self.synced = asyncio.Event()
        self.metrics = CollectorRegistry()
        self._opened = self._leading_since = monotonic()
        self._was_settled = False

    @property
    def watches(self) -> tuple[Watch, ...]:
        return self.state.watched.watches

    def start(self, kube: Kube, transport: Transport) -> None:
        """Put the parts together."""
        settings, state = self.settings, self.state
        self._transport = transport
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.driver = Driver(
            state.graph,
            asyncio.get_running_loop(),
            self._fail,
            settings.commit_quiet_seconds,
            settings.commit_maximum_seconds,
        )
        self.driver.after_commit(commit_histogram(self.metrics))
        self.driver.after_commit(self._committed)
        self.election = Election(
            kube,
            terms(settings),
            identity(settings),
            f"{settings.pod_ip}:{settings.ads_port}",
            changed=self._leadership,
        )
        bucket = Bucket(settings.status_writes_per_second, settings.status_burst)
        self.writer = StatusWriter(kube, WRITTEN, lambda: self.election.leading, bucket)
        self.statuses = Statuses(state, self.writer, self.settled)
        self._told = self.statuses.changed
        self.sender = Sender(lambda: self.election.leader_address, self._snapshot, transport.connect)
        state.tell_leader = self.sender.take
        self.freshness = Freshness(
            kube, self.watches, self, settings.freshness_interval_seconds, settings.freshness_limit_seconds
        )
        self.metrics.register(Readings(lambda: read(self)))

    async def run(self) -> None:
        """Until cancelled; raises what is beyond repair."""
        async with serving(self.settings.bind_address, self.settings.health_port, self.metrics, self._not_ready):
            await self.freshness.synced()
            self.state.tick()
            self.driver.open()
            self._opened = monotonic()
            async with self._transport.serve(self):
                self.synced.set()
                gc.collect()
                gc.freeze()  # what was listed stays: looking through it at every full collection would stop us for long
                log.info("synced and serving", objects={watch.path.plural: len(watch.seen) for watch in self.watches})
                await self._work()

    def touch(self, *, urgent: bool = False) -> None:
        self.driver.touch(urgent=urgent)

    def proxy_event(self, event: ProxyEvent) -> None:
        """What a proxy connected to this replica does."""
        self.state.replicas.take(LOCAL, event)
        self.sender.take(event)

    def settled(self) -> bool:
        """Whether every proxy and agent had the time to connect to us, or to be reported."""
        return monotonic() - max(self._opened, self._leading_since) > self.settings.proxy_grace_seconds

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for work in (
                self.election.run(),
                self.writer.run(),
                self.sender.run(),
                self.freshness.run(),
                self._ticks(),
                self._failure(),
            ):
                group.create_task(work)

    async def _failure(self) -> None:
        await self._failed

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.state.tick()
            self.driver.touch()
            if not self.election.leading:
                continue
            self.statuses.plan()
            if self.settled() and not self._was_settled:
                self._was_settled = True
                self.statuses.mark_served()

    def _changed(self, refs: Iterable[ObjectRef]) -> None:
        self._told(refs)

    def _observe(self, kind: str, key: str, body: Mapping[str, Any] | None) -> None:
        self.writer.observe(kind, key, body)

    def _committed(self, _: float) -> None:
        self.state.note_failures()

    def _leadership(self) -> None:
        self._leading_since, self._was_settled = monotonic(), False
        if self.election.leading:
            self.statuses.plan()
            self.writer.mark_all()

    def _snapshot(self) -> Iterable[Event]:
        """What is known of the proxies that are connected here."""
        replicas = self.state.replicas
        for event in self.state.ledger.snapshot():
            if isinstance(event, PROXY_EVENTS) and replicas.is_local(event.proxy):
                yield event
        for cache in self.state.views:
            yield from cache.quarantined

    def _not_ready(self) -> str | None:
        return None if self.synced.is_set() else "waiting for every kind to be listed"

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)


def terms(settings: Settings) -> Terms:
    return Terms(
        settings.namespace,
        settings.lease_name,
        settings.lease_seconds,
        settings.lease_renew_seconds,
        settings.lease_retry_seconds,
    )


def identity(settings: Settings) -> str:
    return settings.pod_name or socket.gethostname()


def _nobody(_: Iterable[ObjectRef]) -> None:
    """Before the parts are together there is no status to change."""
