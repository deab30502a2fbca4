"""A follower's proxies are known to the leader: on connect all at once, then as things happen; and only by who holds them."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from envoy_xds.events import Acked, Connected, Disconnected, Event, Nacked, Published, Quarantined
from operators.reports import LOCAL, Receiver, Sender, Sources, decode, encode

CONNECTED = Connected("envoy/a/1", "ingress", "a")
ACKED = Acked("envoy/a/1", "type", (("name", "1"),), complete=True)
NACKED = Nacked("envoy/a/1", "type", (("name", "2"),), "refused")
GUILTY = Quarantined("ingress", "type", "name", "key", "digest", frozenset(), "refused")


class Leader:
    def __init__(self) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.condemned: asyncio.Queue[Event] = asyncio.Queue()
        self.sources = Sources([self.events.put_nowait])
        self.allowed = True
        self.server = grpc.aio.server()
        Receiver(self.sources, self.condemned.put_nowait, lambda _: self.allowed).register(self.server)

    async def next(self, count: int) -> list[Event]:
        async with asyncio.timeout(20):
            return [await self.events.get() for _ in range(count)]


@pytest_asyncio.fixture
async def leader() -> AsyncIterator[Leader]:
    one = Leader()
    one.port = one.server.add_insecure_port("127.0.0.1:0")
    await one.server.start()
    yield one
    await one.server.stop(None)


class Follower:
    def __init__(self, leader: Leader, snapshot: list[Event]) -> None:
        self.leader: str | None = f"127.0.0.1:{leader.port}"
        self.sender = Sender(lambda: self.leader, lambda: snapshot, grpc.aio.insecure_channel, pause=0.05)
        self.task = asyncio.create_task(self.sender.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_what_is_known_comes_first_then_what_happens(leader: Leader) -> None:
    follower = Follower(leader, [CONNECTED, ACKED])
    assert await leader.next(2) == [CONNECTED, ACKED]

    follower.sender.take(NACKED)
    follower.sender.take(GUILTY)
    follower.sender.take(Published("ingress", "type", "name", "3", frozenset(), frozenset()))

    assert await leader.next(1) == [NACKED]
    assert await asyncio.wait_for(leader.condemned.get(), 20) == GUILTY
    await follower.stop()


async def test_with_a_follower_its_proxies_go(leader: Leader) -> None:
    follower = Follower(leader, [CONNECTED])
    await leader.next(1)
    await follower.stop()

    assert await leader.next(1) == [Disconnected("envoy/a/1")]


async def test_who_leads_itself_reports_no_more_and_begins_again_with_all_it_knows(leader: Leader) -> None:
    follower = Follower(leader, [CONNECTED])
    await leader.next(1)
    address, follower.leader = follower.leader, None
    assert await leader.next(1) == [Disconnected("envoy/a/1")]

    follower.leader = address

    assert await leader.next(1) == [CONNECTED]
    await follower.stop()


async def test_strangers_are_refused(leader: Leader) -> None:
    leader.allowed = False
    async with grpc.aio.insecure_channel(f"127.0.0.1:{leader.port}") as channel:
        sender = Sender(lambda: "leader", lambda: [CONNECTED], lambda _: channel)
        with pytest.raises(grpc.aio.AioRpcError, match="only replicas"):
            await sender._report("leader")

    assert leader.events.empty()


def test_a_proxy_that_moved_is_believed_where_it_connected_last() -> None:
    events: list[Event] = []
    sources = Sources([events.append])
    sources.take("other", CONNECTED)
    sources.take(LOCAL, CONNECTED)
    sources.take("other", NACKED)
    sources.take("other", Disconnected("envoy/a/1"))
    sources.lost("other")
    assert events == [CONNECTED, CONNECTED]
    assert sources.is_local("envoy/a/1")

    sources.take(LOCAL, Disconnected("envoy/a/1"))

    assert events[-1] == Disconnected("envoy/a/1")


@pytest.mark.parametrize("event", [CONNECTED, ACKED, NACKED, Disconnected("envoy/a/1"), GUILTY])
def test_events_survive_the_wire(event: Event) -> None:
    assert decode(encode(event)) == event
