"""The CA in use: read at start, looked at again every minute, so that a rotated one is taken up without a restart."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from operators.ca.authority import Authority, Issued, LeafKey, Names
from operators.ca.given import UnusableAuthority
from operators.ca.store import Store
from operators.kube import UNREACHABLE, KubeError

log = structlog.get_logger("ca")

INTERVAL = 60.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class LiveAuthority:
    """`load` first. `changed` is called when another CA or another bundle of roots is in force."""

    def __init__(
        self, store: Store, now: Callable[[], datetime] = utc_now, jitter: Callable[[], float] = random.random
    ) -> None:
        self._store = store
        self._now = now
        self._jitter = jitter
        self.changed: Callable[[], None] = _nobody
        self.authority: Authority

    async def load(self) -> None:
        """Read or make the CA, and publish its roots; raises where it is unusable."""
        self.authority = await self._store.load(self._now())
        await self._store.publish(self.authority.bundle)

    def issue(self, key: LeafKey, names: Names) -> Issued:
        return self.authority.issue(key, names, self._now(), self._jitter())

    async def run(self, interval: float = INTERVAL) -> None:
        while True:
            await asyncio.sleep(interval)
            await self.refresh()

    async def refresh(self) -> None:
        """An unusable Secret is an error in the log: we go on with the CA that we have."""
        before = self.authority
        try:
            await self.load()
        except (UnusableAuthority, KubeError, *UNREACHABLE) as error:
            log.error("the CA could not be read again", error=str(error) or repr(error))  # noqa: TRY400 - the message says it
            return
        after = self.authority
        if (before.certificate, before.bundle) != (after.certificate, after.bundle):
            log.info("another CA is in force", expires=after.certificate.not_valid_after_utc.isoformat())
            self.changed()


def _nobody() -> None:
    """Until someone listens."""
