"""Which replica writes: election by a `coordination.k8s.io` Lease, as kube-controller-manager does it.

A leader leads until `renew` seconds after its last renewal by its own clock, whatever its requests do meanwhile; others wait `duration`
seconds, which is longer, after they last saw the Lease change, by theirs. So no clock is compared with another, and there are never two.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog

from operators.kube import UNREACHABLE, Body, Kube, KubeError, Path

log = structlog.get_logger("leader")

LEASES = Path("coordination.k8s.io", "v1", "leases")
ADDRESS = "tulle.dev/reports-address"


@dataclass(frozen=True, slots=True)
class Terms:
    """How the election is held: which Lease, how long it is good for, how soon a leader gives up, how often all try (seconds)."""

    namespace: str
    name: str
    duration: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


class Election:
    """Runs for `identity` at `address` (where the leader takes reports). `changed` is told when this replica begins or ceases to lead."""

    def __init__(
        self,
        kube: Kube,
        terms: Terms,
        identity: str,
        address: str,
        *,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._kube = kube
        self._terms = terms
        self._identity = identity
        self._address = address
        self._changed = changed
        self._clock = clock
        self._until = 0.0
        self._seen: Body | None = None
        self._seen_at = 0.0
        self._told = False

    @property
    def leading(self) -> bool:
        """Whether this replica may write now; ask before every write."""
        return self._clock() < self._until

    @property
    def leader_address(self) -> str | None:
        """Where the leader takes reports, as far as known; None when this replica leads or nobody does."""
        if self.leading or self._seen is None or not self._seen["spec"].get("holderIdentity"):
            return None
        address = self._seen["metadata"].get("annotations", {}).get(ADDRESS)
        return str(address) if address else None

    async def run(self) -> None:
        """Take part until cancelled; then give the Lease back, so that another need not wait."""
        try:
            while True:
                await self._round()
                self._tell()
                await self._pause()
        finally:
            await asyncio.shield(self._release())
            self._tell()

    async def _pause(self) -> None:
        """Until the next round, or until leadership ends by the clock: that is told at once."""
        pause = self._terms.retry * random.uniform(0.8, 1.2)  # noqa: S311 - keeps replicas from trying in step
        left = self._until - self._clock()
        if 0 < left < pause:
            await asyncio.sleep(left)
            self._tell()
        await asyncio.sleep(pause)

    async def _round(self) -> None:
        try:
            async with asyncio.timeout(self._terms.renew / 2):
                await self._take(await self._read())
        except (*UNREACHABLE, KubeError) as error:
            log.warning("lease not reached", error=str(error) or repr(error), leading=self.leading)

    async def _read(self) -> Body | None:
        try:
            lease = await self._kube.get(self._url(self._terms.name))
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        self._observe(lease)
        return lease

    def _observe(self, lease: Body) -> None:
        if self._seen is None or self._seen["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]:
            self._seen, self._seen_at = lease, self._clock()

    async def _take(self, lease: Body | None) -> None:
        """Renew or acquire, where that is ours to do; losing to another who writes at the same time is no error."""
        if lease is not None and not self._free(lease):
            return
        started = self._clock()
        try:
            self._observe(await self._write(lease))
        except KubeError as error:
            if error.status != 409:
                raise
        else:
            self._until = started + self._terms.renew

    def _free(self, lease: Body) -> bool:
        holder = lease["spec"].get("holderIdentity")
        expires = self._seen_at + lease["spec"].get("leaseDurationSeconds", self._terms.duration)
        return not holder or holder == self._identity or self._clock() > expires

    async def _write(self, lease: Body | None) -> Body:
        old: dict[str, Any] = lease["spec"] if lease else {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        kept = old.get("holderIdentity") == self._identity
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._terms.duration)),
            "acquireTime": old.get("acquireTime", now) if kept else now,
            "renewTime": now,
            "leaseTransitions": old.get("leaseTransitions", 0) + (lease is not None and not kept),
        }
        metadata = {
            "name": self._terms.name,
            "namespace": self._terms.namespace,
            "annotations": {ADDRESS: self._address},
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        if lease is None:
            return await self._kube.create(self._url(), body)
        metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return await self._kube.replace(self._url(self._terms.name), body)

    async def _release(self) -> None:
        """Stop leading first, then say so; the version makes sure that it is still ours."""
        if not self.leading or self._seen is None:
            return
        self._until = 0.0
        metadata = {"resourceVersion": self._seen["metadata"]["resourceVersion"]}
        try:
            async with asyncio.timeout(self._terms.retry):
                await self._kube.patch(
                    self._url(self._terms.name), {"metadata": metadata, "spec": {"holderIdentity": None}}
                )
        except (*UNREACHABLE, KubeError) as error:
            log.warning("lease not given back", error=str(error) or repr(error))

    def _tell(self) -> None:
        if self.leading != self._told:
            self._told = self.leading
            log.info("leading" if self._told else "not leading", identity=self._identity)
            self._changed()

    def _url(self, name: str = "") -> str:
        return LEASES.url(self._terms.namespace, name)
