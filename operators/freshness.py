"""Whether what we hold is what the API server has: a watch can die while everything looks healthy.

Each watch is probed by listing metadata, page by page, so that a probe costs the same however many objects there are.
An object that is newer at the API server than here for longer than a limit means that its watch is dead: `StaleError` ends the process,
and Kubernetes starts it again. What a finished round over all pages no longer names is gone, and is dropped here: Kopf tells
no deletion that happened while it was cut off.
"""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog

from operators.kube import METADATA, METADATA_LIST, PATIENCE, UNREACHABLE, Body, Kube, KubeError
from operators.watches import Touch, Watch, key_of, version_of

log = structlog.get_logger("freshness")

PAGE = 500
SETTLE_SECONDS = 1.0  # one more round for a whole listing, not for each object of it
POLL_SECONDS = 0.05  # at the start only, until everything listed has arrived


class StaleError(Exception):
    """A watch is dead, or may no longer be made."""


@dataclass(slots=True)
class Round:
    """One pass over all pages of a kind."""

    version: int = 0  # of the first page; an object not named and not newer than this is gone
    listed: dict[str, int] = field(default_factory=dict)
    token: str = ""

    def take(self, page: Body) -> bool:
        """Add a page; True when it was the last."""
        self.version = self.version or version_of(page)
        for item in items(page):
            self.listed[key_of(item)] = version_of(item)
        self.token = page["metadata"].get("continue", "")
        return not self.token


class Probe:
    """Compares one watch with the API server."""

    def __init__(self, kube: Kube, watch: Watch, limit: float, clock: Callable[[], float] = monotonic) -> None:
        self.watch = watch
        self._kube = kube
        self._limit = limit
        self._patience = min(
            max(limit, 1.0), PATIENCE
        )  # a probe that hangs with the watch must not keep us from noticing
        self._clock = clock
        self._round = Round()
        self._late: dict[str, tuple[int, float]] = {}  # version at the API server, and since when we miss it
        self._forbidden_since: float | None = None

    async def page(self) -> bool:
        """Fetch and compare one page; True when it ended a round. Raises `StaleError`."""
        page = await self._fetch()
        last = self._round.take(page)
        self._note(page)
        await self._check_late()
        if last:
            self._prune()
            self._round = Round()
        return last

    async def round(self) -> dict[str, int]:
        """All pages at once: every object with its version."""
        while True:
            this = self._round
            if await self.page():
                return this.listed

    async def _fetch(self) -> Body:
        query = {"limit": str(PAGE)}
        if self.watch.fields:
            query["fieldSelector"] = self.watch.fields
        if self._round.token:
            query["continue"] = self._round.token
        try:
            page = await self._kube.get(self.watch.path.url(), query, METADATA_LIST, self._patience)
        except KubeError as error:
            return self._instead(error)
        self._forbidden_since = None
        return page

    def _instead(self, error: KubeError) -> Body:
        """What a refusal means: nothing where the kind is not installed, the next page where the round took too long."""
        if error.status == 404:
            return {"items": [], "metadata": {"resourceVersion": "0"}}
        if error.status == 410:
            return self._expired(error)
        if error.status == 403:
            self._forbidden(error)
        raise error

    def _forbidden(self, error: KubeError) -> None:
        now = self._clock()
        self._forbidden_since = self._forbidden_since or now
        if now - self._forbidden_since > self._limit:
            raise StaleError(f"{self.watch.path} may not be listed for {self._limit:.0f} s: {error.message}") from error

    def _expired(self, error: KubeError) -> Body:
        """The token to go on with; without one the round begins again, for it must not end here."""
        token = error.body.get("metadata", {}).get("continue", "")
        if not token:
            self._round = Round()
            raise error
        return {"items": [], "metadata": {"resourceVersion": str(self._round.version), "continue": token}}

    def _note(self, page: Body) -> None:
        for item in items(page):
            key, version = key_of(item), version_of(item)
            if self.watch.seen.get(key, 0) < version:
                self._late.setdefault(key, (version, self._clock()))

    async def _check_late(self) -> None:
        for key, (version, since) in list(self._late.items()):
            missed = self._clock() - since
            if self.watch.seen.get(key, 0) >= version or (missed > self._limit and not await self._still_newer(key)):
                del self._late[key]
            elif missed > self._limit:
                raise StaleError(f"the watch of {self.watch.path} misses version {version} of {key} for {missed:.0f} s")

    async def _still_newer(self, key: str) -> bool:
        """Ask for the object itself: a page may be older than its deletion."""
        namespace, _, name = key.rpartition("/")
        try:
            item = await self._kube.get(self.watch.path.url(namespace, name), accept=METADATA, patience=self._patience)
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return self.watch.seen.get(key, 0) < version_of(item)

    def _prune(self) -> None:
        """Drop what is gone."""
        for key in [
            key
            for key, held in self.watch.seen.items()
            if key not in self._round.listed and held <= self._round.version
        ]:
            log.info("deletion found by probe", kind=str(self.watch.path), object=key)
            self.watch.drop(key, self._round.version)


def items(page: Body) -> list[Body]:
    """A metadata list without items says null."""
    found: list[Body] | None = page["items"]
    return found or []


class Freshness:
    """The sync gate at the start, and the probes for as long as the process lives."""

    def __init__(self, kube: Kube, watches: Sequence[Watch], driver: Touch, interval: float, limit: float) -> None:
        self._kube = kube
        self._watches = watches
        self._limit = limit
        self._driver = driver
        self._interval = interval

    async def synced(self) -> None:
        """Return when everything that was there after the call has arrived, for every kind, however long that takes."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(self._arrived(Probe(self._kube, watch, math.inf)))

    async def run(self) -> None:
        """Probe for ever; raises `StaleError`."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                group.create_task(self._watch(Probe(self._kube, watch, self._limit)))

    async def _arrived(self, probe: Probe) -> None:
        while missing := await self._missing(probe):
            log.info("waiting for objects", kind=str(probe.watch.path), missing=len(missing))
            for _ in range(round(1 / POLL_SECONDS)):
                if all(probe.watch.seen.get(key, 0) >= version for key, version in missing.items()):
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def _missing(self, probe: Probe) -> dict[str, int]:
        """What the API server has and we don't, as soon as it can be asked."""
        while True:
            try:
                listed = await probe.round()
            except (*UNREACHABLE, KubeError) as error:
                log.warning("objects not listed yet", kind=str(probe.watch.path), error=str(error) or repr(error))
            else:
                return {key: version for key, version in listed.items() if probe.watch.seen.get(key, 0) < version}
            await asyncio.sleep(1)

    async def _watch(self, probe: Probe) -> None:
        answered = True
        while True:
            relisted = await self._pause(probe)
            try:
                await (probe.round() if relisted else probe.page())
            except (*UNREACHABLE, KubeError) as error:
                if answered:
                    log.warning("probe failed", kind=str(probe.watch.path), error=str(error) or repr(error))
                answered = False
            else:
                if not answered:
                    log.info("probe answered again", kind=str(probe.watch.path))
                answered = True
            self._driver.touch()

    async def _pause(self, probe: Probe) -> bool:
        """Wait for the next probe, or until the watch was listed again."""
        relisted = probe.watch.relisted
        try:
            await asyncio.wait_for(relisted.wait(), self._interval * random.uniform(0.8, 1.2))  # noqa: S311 - spreads requests
        except TimeoutError:
            return False
        await asyncio.sleep(SETTLE_SECONDS)
        relisted.clear()
        return True
