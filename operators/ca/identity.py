"""The controller's side of the CA as one thing: what a replica shows to its peers, and the service that gives agents theirs.

A replica's key never leaves its process. Servers ask for `identity()` at every handshake, so a renewal needs no restart and
open streams stay.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Self

import grpc
import structlog

from operators.ca.authority import Names, key_pem, make_key
from operators.ca.bootstrap import Certificates
from operators.ca.live import LiveAuthority, utc_now
from operators.ca.reviews import Remembering, TokenReviewer
from operators.ca.spiffe import CONTROLLER, controller_id
from operators.ca.store import Store
from operators.kube import Kube
from operators.settings import Settings

log = structlog.get_logger("identity")


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM: a certificate with its chain, its key, and whom we trust."""

    chain: bytes
    key: bytes = field(repr=False)
    bundle: bytes
    renew_at: datetime


class MeshAuthority:
    """Made by `running`, or from parts in tests."""

    def __init__(
        self, live: LiveAuthority, names: Names, certificates: Certificates, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._live = live
        self._names = names
        self._certificates = certificates
        self._now = now
        self._renewed = asyncio.Event()
        live.changed = self.renew
        self.renew()

    @classmethod
    @asynccontextmanager
    async def running(cls, settings: Settings, kube: Kube) -> AsyncIterator[Self]:
        """The CA of the cluster, made where there is none; kept up to date until left. Raises where it is unusable."""
        trust = settings.trust_domain, settings.namespace
        live = LiveAuthority(Store(kube, settings.namespace, settings.trust_domain))
        await live.load()
        certificates = Certificates(Remembering(TokenReviewer(kube)), live.issue, *trust)
        authority = cls(live, controller_names(*trust, [settings.pod_ip]), certificates)
        async with asyncio.TaskGroup() as group:  # what fails in there ends whoever is in here
            tasks = [group.create_task(live.run()), group.create_task(authority.run())]
            try:
                yield authority
            finally:
                for task in tasks:
                    task.cancel()

    def identity(self) -> Identity:
        """As it is now; safe to call from gRPC's threads."""
        return self._identity

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service that issues certificates."""
        server.add_generic_rpc_handlers((self._certificates.handler(),))

    def renew(self) -> None:
        key = make_key()
        issued = self._live.issue(key.public_key(), self._names)
        self._identity = Identity(b"".join(issued.chain), key_pem(key), issued.bundle, issued.renew_at)
        self._renewed.set()
        log.info("own certificate", identity=self._names.spiffe, renew_at=issued.renew_at.isoformat())

    async def run(self) -> None:
        """Renew when it is time."""
        while True:
            self._renewed.clear()
            try:
                async with asyncio.timeout(max(0.0, (self._identity.renew_at - self._now()).total_seconds())):
                    await self._renewed.wait()  # another CA is in force: the time is another one
            except TimeoutError:
                self.renew()


def controller_names(trust_domain: str, namespace: str, addresses: Sequence[str] = ()) -> Names:
    """Agents and other replicas verify the Service's name."""
    service = f"{CONTROLLER}.{namespace}"
    return Names(
        controller_id(trust_domain, namespace),
        (f"{service}.svc", service, f"{service}.svc.cluster.local"),
        tuple(ip_address(address) for address in addresses),
    )
