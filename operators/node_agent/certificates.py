"""The node's certificate: a key that is made here and never leaves, signed by the controller for the token of this pod.

In: the token and the mesh's roots, as mounted files. Out: an identity that is renewed in time, and at once when the roots
change; the last one stays while the controller cannot be reached.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import time

import grpc
import structlog
from cryptography import x509

from operators.ca.authority import key_pem, make_key, make_request, pem, unique
from operators.node_agent.backoff import Backoff
from operators.node_api.node_pb2 import IssueResponse

log = structlog.get_logger("certificates")

LOOK = 10.0  # seconds between two looks at the mounted roots
SPREAD = 10.0  # seconds over which agents renew when the roots change for all of them

Issue = Callable[[bytes, bytes, str], Awaitable[IssueResponse]]
"""Roots to trust, a CSR, a token → what the controller answered."""


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM. `roots` are the mounted roots that it was issued under."""

    key: bytes = field(repr=False)
    chain: bytes
    bundle: bytes
    renew_at: float
    roots: bytes


@dataclass(frozen=True, slots=True)
class Files:
    token: Path
    bundle: Path

    def roots(self) -> bytes:
        """The mounted roots; empty while there are none."""
        try:
            return self.bundle.read_bytes().strip()
        except FileNotFoundError:
            return b""


class Certificates:
    """`changed` is called with every new identity, from `run`."""

    def __init__(
        self, files: Files, issue: Issue, backoff: Backoff, changed: Callable[[Identity], None], look: float = LOOK
    ) -> None:
        self._files = files
        self._issue = issue
        self._backoff = backoff
        self._changed = changed
        self._look = look
        self._first = asyncio.Event()
        self.identity: Identity | None = None

    async def ready(self) -> Identity:
        """The identity as it is now; waits for the first."""
        await self._first.wait()
        if self.identity is None:
            raise RuntimeError("there is no first identity")
        return self.identity

    async def run(self) -> None:
        while True:
            self.identity = await self._obtain()
            self._first.set()
            self._changed(self.identity)
            await self._until_due(self.identity)

    async def _obtain(self) -> Identity:
        """Until it works."""
        while True:
            try:
                found = await self.obtain()
            except (OSError, ValueError, grpc.aio.AioRpcError) as error:
                pause = self._backoff.pause()
                log.warning("no certificate yet", error=_reason(error), retry_in=round(pause, 1))
                await asyncio.sleep(pause)
            else:
                self._backoff.reset()
                log.info("certificate obtained", renew_in=round(found.renew_at - time()))
                return found

    async def obtain(self) -> Identity:
        """One try."""
        roots = self._files.roots()
        if not roots:
            raise FileNotFoundError(f"no roots of the mesh in {self._files.bundle} yet")
        token = self._files.token.read_text(encoding="ascii").strip()
        key = make_key()
        answer = await self._issue(roots, make_request(key), token)
        bundle = merged(roots, answer.trust_bundle_pem)
        return Identity(key_pem(key), b"".join(answer.chain_pem), bundle, float(answer.renew_at_unix), roots)

    async def _until_due(self, identity: Identity) -> None:
        while time() < identity.renew_at:
            await asyncio.sleep(min(self._look, max(0.0, identity.renew_at - time())))
            roots = self._files.roots()
            if roots and roots != identity.roots:
                log.info("the mesh's roots have changed")
                await asyncio.sleep(random.random() * min(SPREAD, self._look))  # noqa: S311 - no secret
                return


def merged(*bundles: bytes) -> bytes:
    """All roots, each once: those that are mounted and those that the controller knows already."""
    found = [one for bundle in bundles if bundle for one in x509.load_pem_x509_certificates(bundle)]
    return b"".join(pem(one) for one in unique(found))


def _reason(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error)
