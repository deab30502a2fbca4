"""The node's certificate: waits for what is not there yet, keeps trying, renews in time and when the roots change."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from operators.ca.authority import Names, make_root, read_request
from operators.node_agent.backoff import Backoff
from operators.node_agent.certificates import Certificates, Files, merged
from operators.node_api.node_pb2 import IssueResponse


def now() -> datetime:
    return datetime.now(UTC)


class Controller:
    """Signs what it is asked to; refuses as often as told. `lifetimes` in seconds until the renewal of each."""

    def __init__(self, *lifetimes: float) -> None:
        self.root = make_root("cluster.local", now())
        self.refusals = 0
        self.asked: list[tuple[bytes, str]] = []
        self._lifetimes = list(lifetimes)

    async def issue(self, roots, csr, token) -> IssueResponse:
        self.asked.append((roots, token))
        if self.refusals:
            self.refusals -= 1
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, (), (), "no leader", None)
        issued = self.root.issue(read_request(csr), Names("spiffe://x/y"), now(), 0)
        due = now() + timedelta(seconds=self._lifetimes.pop(0) if self._lifetimes else 3600)
        return IssueResponse(chain_pem=issued.chain, trust_bundle_pem=issued.bundle, renew_at_unix=int(due.timestamp()))


class Node:
    def __init__(self, folder, controller) -> None:
        self.files = Files(folder / "token", folder / "ca.crt")
        self.controller = controller
        self.identities = asyncio.Queue()
        self.certificates = Certificates(
            self.files, controller.issue, Backoff(0.01), self.identities.put_nowait, look=0.01
        )

    def mount(self) -> None:
        self.files.token.write_text("token\n")
        self.files.bundle.write_bytes(self.controller.root.bundle)

    async def next(self):
        async with asyncio.timeout(20):
            return await self.identities.get()

    async def __aenter__(self):
        self._task = asyncio.create_task(self.certificates.run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_it_waits_until_the_roots_are_mounted(tmp_path):
    node = Node(tmp_path, Controller())
    with pytest.raises(FileNotFoundError, match="no roots of the mesh"):
        await node.certificates.obtain()
    node.mount()
    async with node:
        first = await node.next()

    assert node.controller.asked == [(node.controller.root.bundle.strip(), "token")]
    assert first.bundle == node.controller.root.bundle
    assert await node.certificates.ready() is first


async def test_a_refusal_is_tried_again(tmp_path):
    node = Node(tmp_path, Controller())
    node.mount()
    node.controller.refusals = 3
    async with node:
        await node.next()

    assert len(node.controller.asked) == 4


async def test_it_is_renewed_when_it_is_time_with_a_new_key(tmp_path):
    node = Node(tmp_path, Controller(0, 3600))
    node.mount()
    async with node:
        first, second = await node.next(), await node.next()

    assert first.key != second.key
    assert first.chain != second.chain


async def test_changed_roots_are_reason_enough(tmp_path):
    node = Node(tmp_path, Controller())
    node.mount()
    async with node:
        old = (await node.next()).bundle
        node.controller.root = make_root("cluster.local", now())
        node.files.bundle.write_bytes(merged(old, node.controller.root.bundle))
        second = await node.next()

    assert second.bundle == merged(old, node.controller.root.bundle)


async def test_a_key_shows_nowhere(tmp_path):
    node = Node(tmp_path, Controller())
    node.mount()

    assert "PRIVATE" not in repr(await node.certificates.obtain())


def test_roots_are_merged_without_repetition():
    one, two = (make_root("x", now()).bundle for _ in range(2))

    assert merged(one, b"", two + one) == one + two
