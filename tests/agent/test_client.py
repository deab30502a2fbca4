"""The agent's stream against the real discovery server: what is applied, answered, resumed."""

import asyncio

import pytest

from envoy_xds.events import Connected, Nacked
from envoy_xds.resource import simple
from operators.node_agent.backoff import Backoff
from operators.node_agent.client import ADDRESSES, Client, Subscription, plaintext
from operators.node_agent.state import State, Told, Update
from operators.node_api.node_pb2 import Address
from tests.xds.client import running


def resource(address: str, interface: str = ""):
    return simple(ADDRESSES.type_url, address, Address(address=address, interface=interface).SerializeToString())


class Node:
    """Where the client applies; refuses the addresses in `bad`."""

    def __init__(self) -> None:
        self.seen: list[set[str]] = []
        self.applied = asyncio.Event()
        self.bad: dict[str, str] = {}

    async def apply(self, state: State, _) -> dict[str, str]:
        assert state.complete
        self.seen.append(set(state.told))
        self.applied.set()
        return {name: why for name, why in self.bad.items() if name in state.told}


class Running:
    """A client of a server that may change."""

    def __init__(self) -> None:
        self.node = Node()
        self.address = ""
        self.addresses = Subscription(ADDRESSES, self.node.apply)
        self.client = Client("agent/n/p", [self.addresses], self._connect, Backoff(0.01))

    async def _connect(self):
        return plaintext(self.address)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.client.run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def to(self, server):
        self.address = f"127.0.0.1:{server.port}"
        return self


async def test_what_is_told_is_applied_and_acknowledged():
    async with running() as server, Running().to(server) as agent:
        server.apply(resource("10.0.0.50"))
        await server.until_acked(ADDRESSES.type_url, "10.0.0.50")
        server.apply(removes=[(ADDRESSES.type_url, "10.0.0.50")])
        await server.until_acked(ADDRESSES.type_url, "10.0.0.50")

        assert agent.node.seen[-2:] == [{"10.0.0.50"}, set()]
        assert server.seen(Connected)[0].proxy == "agent/n/p"


async def test_an_empty_answer_is_complete_too():
    async with running() as server, Running().to(server) as agent:
        async with asyncio.timeout(20):
            await agent.node.applied.wait()

        assert agent.node.seen == [set()]
        assert agent.addresses.state == State(complete=True)


async def test_a_bad_address_is_rejected_with_the_reason_and_the_others_stay():
    async with running() as server, Running().to(server) as agent:
        agent.node.bad = {"10.0.0.51": "it is on eth1 already"}
        server.apply(*(resource(f"10.0.0.{n}") for n in (50, 51, 52)))
        await server.until(lambda: server.seen(Nacked))
        await server.until_acked(ADDRESSES.type_url, "10.0.0.52")
        await server.until_acked(ADDRESSES.type_url, "10.0.0.50")

        (rejected,) = server.seen(Nacked)
        assert rejected.message == "10.0.0.51: it is on eth1 already"
        assert [name for name, _ in rejected.versions] == ["10.0.0.51"]
        assert set(agent.addresses.state.told) == {"10.0.0.50", "10.0.0.52"}
        assert all({"10.0.0.50", "10.0.0.52"} & seen for seen in agent.node.seen[1:])


async def test_a_lost_stream_is_resumed_with_what_we_have():
    agent = Running()
    async with running() as first:
        first.apply(resource("10.0.0.50"), resource("10.0.0.51"))
        async with agent.to(first):
            await first.until_acked(ADDRESSES.type_url, "10.0.0.51")
    rounds = len(agent.node.seen)

    async with running() as second:
        second.apply(resource("10.0.0.50"), resource("10.0.0.52"))
        async with agent.to(second):
            await second.until_acked(ADDRESSES.type_url, "10.0.0.51")
            await second.until_acked(ADDRESSES.type_url, "10.0.0.52")

    assert agent.node.seen[rounds:] == [{"10.0.0.50", "10.0.0.52"}]


async def test_a_server_that_comes_later_is_found():
    agent = Running()
    async with running() as gone:
        agent.to(gone)
    async with agent, running(port=gone.port) as server:
        server.apply(resource("10.0.0.50"))
        await server.until_acked(ADDRESSES.type_url, "10.0.0.50")


def told(address: str, version: str = "1") -> Told:
    return Told(version, Address(address=address))


def test_taking_back_restores_what_was_there_before():
    before = State({"a": told("a"), "b": told("b")}, complete=True)
    after = before.after(Update({"a": told("a", "2"), "c": told("c")}, frozenset({"b"})))

    assert after.taking_back(["a", "c"], before).versions == {"a": "1"}


@pytest.mark.parametrize(("tries", "least", "most"), [(1, 0.5, 1), (3, 2, 4), (20, 5, 10)])
def test_pauses_grow_up_to_a_limit(tries, least, most):
    for spread, expected in ((0.0, least), (1.0, most)):
        backoff = Backoff(1, lambda spread=spread: spread)
        pauses = [backoff.pause() for _ in range(tries)]
        assert pauses[-1] == expected
    backoff.reset()
    assert backoff.pause() == 1


async def test_what_cannot_be_read_is_refused_and_the_rest_is_held():
    """As of a controller of another version."""
    broken = simple(ADDRESSES.type_url, "10.0.0.51", b"\xff\xff")
    async with running() as server, Running().to(server) as agent:
        server.apply(resource("10.0.0.50"), broken)
        await server.until_acked(ADDRESSES.type_url, "10.0.0.50")
        await server.until(lambda: any("not understood" in one.message for one in server.seen(Nacked)))
        assert set(agent.addresses.state.told) == {"10.0.0.50"}
