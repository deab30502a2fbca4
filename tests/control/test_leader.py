"""Elections on a real API server: one leads, another takes over, and who can't renew steps down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from operators.kube import Kube
from operators.leader import ADDRESS, LEASES, Election, Terms

TERMS = {"duration": 2.0, "renew": 1.2, "retry": 0.2}


class Replica:
    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.name = name
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self.election = Election(kube, Terms(namespace, "tulle", **TERMS), name, f"{name}:1", changed=self._note)

    def _note(self) -> None:
        self._tasks.add(asyncio.ensure_future(self._notify()))

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, *, leading: bool) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: self.election.leading is leading)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.election.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture
async def wired(credentials) -> AsyncIterator[Kube]:
    """A client through the wire."""
    async with await Kube.connect() as client:
        yield client


async def test_one_of_two_leads_and_the_other_takes_over_at_once_when_it_leaves(kube: Kube, namespace: str) -> None:
    first, second = Replica(kube, namespace, "first"), Replica(kube, namespace, "second")
    async with first.running():
        await first.until(leading=True)
        lease = await kube.get(LEASES.url(namespace, "tulle"))
        assert lease["spec"]["holderIdentity"] == "first"
        assert lease["metadata"]["annotations"][ADDRESS] == "first:1"
        task = asyncio.create_task(second.election.run())
        await asyncio.wait_for(_until(lambda: second.election.leader_address == "first:1"), 10)
        assert not second.election.leading
        assert first.election.leader_address is None
    assert not first.election.leading

    await second.until(leading=True)

    assert second.election.leader_address is None
    lease = await kube.get(LEASES.url(namespace, "tulle"))
    assert lease["spec"]["leaseTransitions"] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_of_five_that_start_together_exactly_one_leads(kube: Kube, namespace: str) -> None:
    replicas = [Replica(kube, namespace, f"replica-{number}") for number in range(5)]
    tasks = [asyncio.create_task(one.election.run()) for one in replicas]
    try:
        async with asyncio.timeout(20):
            await _until(lambda: all(one.election.leading or one.election.leader_address for one in replicas))
        assert sum(one.election.leading for one in replicas) == 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_leader_that_cannot_reach_the_api_steps_down_before_another_leads(
    kube: Kube, wired: Kube, wire, namespace: str
) -> None:
    cut_off, other = Replica(wired, namespace, "cut-off"), Replica(kube, namespace, "other")
    loop = asyncio.get_running_loop()
    async with cut_off.running():
        await cut_off.until(leading=True)
        async with other.running():
            wire.freeze(new=True)
            await cut_off.until(leading=False)
            stepped_down = loop.time()
            assert not other.election.leading
            await other.until(leading=True)
            assert loop.time() > stepped_down


async def test_a_lease_is_not_taken_twice_with_one_version(kube: Kube, namespace: str) -> None:
    """Both read the same free Lease; the API server lets one write."""
    replicas = [Replica(kube, namespace, f"replica-{number}") for number in range(2)]
    await asyncio.gather(*(one.election._round() for one in replicas))

    assert [one.election.leading for one in replicas].count(True) == 1


async def _until(condition) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("clock", [lambda: 0.0])
async def test_nobody_leads_before_the_first_round(kube: Kube, namespace: str, clock) -> None:
    assert not Election(kube, Terms(namespace, "tulle"), "me", "here", clock=clock).leading
