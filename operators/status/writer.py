"""Writes statuses: by the leader only, only what differs, each object once however often it was marked, rate-limited, retried."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog

from operators.ir.refs import ObjectRef
from operators.kube import UNREACHABLE, Kube, KubeError, Path
from operators.status.documents import (
    Patch,
    Written,
    addresses_patch,
    annotation_patch,
    own_patch,
    read_ingress,
    read_own,
)
from operators.status.events import Subject, event, news
from operators.status.queue import Bucket, Queue
from operators.status.served import utc_now

log = structlog.get_logger("status")

DELAY = 0.2  # seconds that a mark waits: a change and its acknowledgements become one write
RETRY_FIRST, RETRY_LAST = 0.5, 60.0
WORKERS = 4
EVENTS = Path("", "v1", "events")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind with a status of ours. `native`: Kubernetes' own, with an annotation for conditions; `events`: tells what changed."""

    name: str
    path: Path
    native: bool = False
    events: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.path.group}/{self.path.version}" if self.path.group else self.path.version

    def read(self, body: Mapping[str, Any]) -> Written:
        return read_ingress(body) if self.native else read_own(body)


class StatusWriter:
    """`desired(ref, written)` says what an object should say; `leading` is asked before each request."""

    def __init__(
        self,
        kube: Kube,
        kinds: Mapping[str, Kind],
        leading: Callable[[], bool],
        bucket: Bucket,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._kube = kube
        self._kinds = kinds
        self._leading = leading
        self._bucket = bucket
        self._queue = Queue(clock)
        self._written: dict[ObjectRef, Written] = {}
        self._desired: dict[str, Callable[[ObjectRef, Written], Written]] = {}
        self._failures: dict[ObjectRef, int] = {}
        self.writes = 0
        self.retries = 0

    def decide(self, kind: str, desired: Callable[[ObjectRef, Written], Written]) -> None:
        """Who knows what objects of `kind` should say."""
        self._desired[kind] = desired

    def observe(self, kind: str, key: str, body: Mapping[str, Any] | None) -> None:
        """What the API server holds now; None: it is gone."""
        namespace, _, name = key.rpartition("/")
        ref = ObjectRef(kind, namespace, name)
        if body is None:
            self._written.pop(ref, None)
            self._failures.pop(ref, None)
            return
        self._written[ref] = self._kinds[kind].read(body)
        self.mark(ref)

    def mark(self, ref: ObjectRef) -> None:
        """What `ref` should say may have changed."""
        if ref in self._written and self._leading():
            self._queue.mark(ref, DELAY)

    def mark_all(self, kind: str | None = None) -> None:
        for ref in self._written:
            if kind is None or ref.kind == kind:
                self.mark(ref)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            ref = await self._queue.take()
            try:
                await self._write(ref)
            except (*UNREACHABLE, KubeError) as error:
                self._retry(ref, error)
            else:
                self._failures.pop(ref, None)
            finally:
                self._queue.done(ref)

    def _retry(self, ref: ObjectRef, error: Exception) -> None:
        if isinstance(error, KubeError) and error.status == 404:
            return  # deleted meanwhile; the watch tells
        self.retries += 1
        count = self._failures[ref] = self._failures.get(ref, 0) + 1
        asked = error.retry_after if isinstance(error, KubeError) else None
        delay = max(asked or 0.0, min(RETRY_FIRST * 2 ** (count - 1), RETRY_LAST))
        log.warning("status not written", object=str(ref), error=str(error) or repr(error), retry_seconds=delay)
        self._queue.mark(ref, delay)

    async def _write(self, ref: ObjectRef) -> None:
        old = self._written.get(ref)
        if old is None or ref.kind not in self._desired:
            return
        new = self._desired[ref.kind](ref, old)
        kind = self._kinds[ref.kind]
        url = kind.path.url(ref.namespace, ref.name)
        for target, patch in _patches(kind, url, old, new):
            if not await self._allowed():
                return
            self._written[ref] = kind.read(await self._kube.patch(target, patch))
            self.writes += 1
        if kind.events and old.conditions != new.conditions:
            await self._tell(Subject(ref, kind.api_version, old.uid), old, new)

    async def _tell(self, subject: Subject, old: Written, new: Written) -> None:
        for one, sort in news(old.conditions, new.conditions):
            if not await self._allowed():
                return
            body = event(subject, one, sort, utc_now())
            try:
                await self._kube.create(EVENTS.url(body["metadata"]["namespace"]), body)
            except KubeError as error:
                # 409: another replica said it; anything else: events are for people and not worth writing the status again
                if error.status != 409:
                    log.warning("event not written", object=str(subject.ref), error=str(error))

    async def _allowed(self) -> bool:
        """Wait for the rate limit; then whether this replica may still write."""
        await asyncio.sleep(self._bucket.take())
        return self._leading()


def _patches(kind: Kind, url: str, old: Written, new: Written) -> list[tuple[str, Patch]]:
    if kind.native:
        found = [
            (url, annotation_patch(old.conditions, new.conditions)),
            (f"{url}/status", addresses_patch(old.addresses, new.addresses)),
        ]
    else:
        found = [(f"{url}/status", own_patch(old, new))]
    return [(target, patch) for target, patch in found if patch is not None]
