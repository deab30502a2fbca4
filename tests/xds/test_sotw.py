"""The state-of-the-world stream, by a client against the real server."""

import pytest

from envoy_xds.events import Acked, Quarantined
from envoy_xds.order import CDS, EDS, RDS
from tests.xds.client import Client, Server, connected, running, text, thing


@pytest.fixture
async def server():
    async with running() as server:
        yield server


@pytest.fixture
async def client(server: Server):
    async with connected(server, whole=True) as client:
        yield client


def contents(response) -> list[str]:
    return sorted(text(resource.value) for resource in response.resources)


async def take(client: Client, type_url: str, **subscription):
    await client.send(type_url, **subscription)
    response = await client.receive()
    assert response.type_url == type_url
    await client.ack(response, version_info=response.version_info, **subscription)
    return response


async def test_every_response_has_the_whole_state(server, client):
    server.apply(thing(CDS, "a", "a1"), thing(CDS, "b", "b1"))
    first = await take(client, CDS)
    assert contents(first) == ["a1", "b1"]

    server.apply(thing(CDS, "b", "b2"))

    second = await client.receive()
    assert contents(second) == ["a1", "b2"]
    assert second.version_info != first.version_info


async def test_named_subscriptions_get_what_changed(server, client):
    server.apply(thing(EDS, "a", "a1"), thing(EDS, "b", "b1"))
    await take(client, EDS, resource_names=["a", "b"])

    server.apply(thing(EDS, "b", "b2"), thing(EDS, "c", "c1"))

    assert contents(await client.receive()) == ["b2"]


async def test_a_name_that_is_added_is_answered(server, client):
    server.apply(thing(EDS, "a", "a1"), thing(EDS, "b", "b1"))
    response = await take(client, EDS, resource_names=["a"])
    await client.send(EDS, resource_names=["a", "b"], response_nonce=response.nonce)
    assert contents(await client.receive()) == ["b1"]


async def test_a_rejected_state_falls_back_to_what_was_accepted(server, client):
    server.apply(thing(CDS, "a", "a1"), thing(CDS, "b", "b1"))
    accepted = await take(client, CDS)
    server.apply(thing(CDS, "a", "bad"), thing(CDS, "b", "b2"))

    have: list[str] = []
    while have != ["a1", "b2"]:
        response = await client.receive()
        have = contents(response)
        if "bad" in have:
            await client.nack(response, "no", version_info=accepted.version_info)
        else:
            await client.ack(response, version_info=response.version_info)

    server.apply(thing(CDS, "c", "c1"))
    assert contents(await client.receive()) == ["a1", "b2", "c1"]
    assert [event.name for event in server.seen(Quarantined)] == ["a"]


async def test_a_cluster_is_repeated_until_the_routes_that_used_it_are_gone(server, client):
    server.apply(thing(CDS, "a", "a1"), thing(RDS, "r", "to a"))
    await take(client, CDS)
    await take(client, RDS, resource_names=["r"])

    server.apply(thing(CDS, "b", "b1"), thing(RDS, "r", "to b"), removes=[(CDS, "a")])

    clusters = await client.receive()
    assert (clusters.type_url, contents(clusters)) == (CDS, ["a1", "b1"])
    await client.ack(clusters, version_info=clusters.version_info)
    routes = await client.receive()
    assert contents(routes) == ["to b"]
    await client.ack(routes, version_info=routes.version_info, resource_names=["r"])
    last = await client.receive()
    assert (last.type_url, contents(last)) == (CDS, ["b1"])
    await client.ack(last, version_info=last.version_info)
    server.apply(thing(RDS, "r", "to nobody"))
    assert contents(await client.receive()) == ["to nobody"]
    assert Acked("p", CDS, (("a", ""),)) in server.events
