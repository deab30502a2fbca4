"""The delta stream, by a client against the real server."""

import asyncio

import grpc
import pytest

from envoy_xds.events import Acked, Connected, Disconnected, Nacked, Published, Quarantined, Released
from envoy_xds.order import CDS, EDS, LDS, RDS
from envoy_xds.server import Refused
from tests.xds.certificates import Authority
from tests.xds.client import Client, Server, bodies, connected, names, pieces, running, thing


@pytest.fixture
async def server():
    async with running() as server:
        yield server


@pytest.fixture
async def client(server: Server):
    async with connected(server) as client:
        yield client


async def take(client: Client, type_url: str, **subscription):
    """Subscribe and acknowledge the first answer."""
    await client.send(type_url, **subscription)
    response = await client.receive()
    assert response.type_url == type_url
    await client.ack(response)
    return response


async def test_a_wildcard_subscription_gets_everything_and_then_only_what_changes(server, client):
    server.apply(thing(CDS, "a", "1"), thing(CDS, "b", "1"))
    first = await take(client, CDS)
    assert bodies(first) == {"a": "1", "b": "1"}
    assert first.resources[0].version == server.cache.entries(CDS)[first.resources[0].name].version

    server.apply(thing(CDS, "a", "1"), thing(CDS, "b", "2"), thing(CDS, "c", "1"), removes=[(CDS, "gone")])

    assert bodies(await client.receive()) == {"b": "2", "c": "1"}


async def test_an_empty_wildcard_subscription_is_answered(client):
    await client.send(CDS)
    response = await client.receive()
    assert (names(response), list(response.removed_resources)) == (set(), [])


async def test_named_subscriptions_get_what_they_name_and_hear_of_what_is_absent(server, client):
    server.apply(thing(EDS, "a", "1"), thing(EDS, "b", "1"))
    response = await take(client, EDS, resource_names_subscribe=["a", "nowhere"])
    assert names(response) == {"a"}
    assert list(response.removed_resources) == ["nowhere"]

    server.apply(thing(EDS, "b", "2"), thing(EDS, "nowhere", "1"))

    assert names(await client.receive()) == {"nowhere"}


async def test_who_unsubscribes_hears_no_more(server, client):
    server.apply(thing(EDS, "a", "1"), thing(EDS, "b", "1"))
    await take(client, EDS, resource_names_subscribe=["a", "b"])
    await client.send(EDS, resource_names_unsubscribe=["a"])
    assert await client.fence() == []
    assert Acked("p", EDS, (("a", ""),)) in server.events

    server.apply(thing(EDS, "a", "2"), thing(EDS, "b", "2"))

    assert names(await client.receive()) == {"b"}


async def test_asking_again_for_a_name_sends_it_again(server, client):
    server.apply(thing(EDS, "a", "1"))
    await take(client, EDS, resource_names_subscribe=["a"])

    await client.send(EDS, resource_names_subscribe=["a"])

    assert names(await client.receive()) == {"a"}


async def test_a_proxy_that_comes_back_is_sent_only_what_it_lacks(server, client):
    server.apply(thing(CDS, "a", "1"), thing(CDS, "b", "1"), thing(EDS, "x", "1"))
    versions = {r.name: r.version for r in (await take(client, CDS)).resources}
    endpoints = {r.name: r.version for r in (await take(client, EDS, resource_names_subscribe=["x"])).resources}
    async with connected(server) as again:
        await again.send(CDS, initial_resource_versions=versions)
        await again.send(EDS, resource_names_subscribe=["x"], initial_resource_versions=endpoints)
        assert await again.fence() == []
        assert Acked("p", EDS, tuple(endpoints.items()), complete=True) in server.events
    server.apply(thing(CDS, "b", "2"), removes=[(CDS, "a")])
    async with connected(server) as again:
        await again.send(CDS, initial_resource_versions=versions)
        changed = await again.receive()
        assert (names(changed), list(changed.removed_resources)) == ({"b"}, [])
        await again.ack(changed)
        assert list((await again.receive()).removed_resources) == ["a"], "also where nothing can use it any more"


async def test_who_comes_back_drops_a_cluster_after_the_routes_that_used_it(server, client):
    server.apply(thing(CDS, "a", "1"), thing(CDS, "b", "1"), thing(LDS, "l", "1"), thing(RDS, "r", "to a"))
    subscriptions = {CDS: {}, LDS: {}, RDS: {"resource_names_subscribe": ["r"]}}
    held = {
        type_url: {r.name: r.version for r in (await take(client, type_url, **wanted)).resources}
        for type_url, wanted in subscriptions.items()
    }
    client.call.cancel()
    await server.until(lambda: bool(server.seen(Disconnected)))
    server.apply(thing(RDS, "r", "to b"), removes=[(CDS, "a")])

    async with connected(server) as again:
        await again.send(CDS, initial_resource_versions=held[CDS])
        assert await again.fence() == []
        await again.send(LDS, initial_resource_versions=held[LDS])
        await again.send(RDS, resource_names_subscribe=["r"], initial_resource_versions=held[RDS])
        routes = await again.receive()
        assert bodies(routes) == {"r": "to b"}
        assert await again.fence() == []
        await again.ack(routes)
        assert list((await again.receive()).removed_resources) == ["a"]


async def test_where_no_proxy_is_connected_nothing_stays_for_its_sake(server, client):
    server.apply(thing(CDS, "a", "1", "x"), thing(RDS, "r", "to a", "x"))
    await take(client, CDS)
    server.apply(thing(RDS, "r", "to b", "x"), removes=[(CDS, "a")])
    assert "a" in server.cache.entries(CDS)

    client.call.cancel()
    await server.until(lambda: any(e.name == "a" and not e.origins for e in server.seen(Published)))
    assert "a" not in server.cache.entries(CDS)

    server.apply(thing(RDS, "r", "to c", "x"), removes=[(CDS, "b")])
    assert "b" not in server.cache.entries(CDS)


async def test_changes_gather_while_a_response_is_in_flight(server, client):
    server.apply(thing(CDS, "a", "1"))
    await client.send(CDS)
    first = await client.receive()
    server.apply(thing(CDS, "a", "2"))
    server.apply(thing(CDS, "a", "3"), thing(CDS, "b", "1"))
    assert await client.fence() == []

    await client.ack(first)

    assert bodies(await client.receive()) == {"a": "3", "b": "1"}


async def test_a_removal_is_told_and_acknowledged(server, client):
    server.apply(thing(CDS, "a", "1"))
    await take(client, CDS)

    server.apply(removes=[(CDS, "a")])
    response = await client.receive()
    assert list(response.removed_resources) == ["a"]
    await client.ack(response)

    assert await client.fence() == []
    assert Acked("p", CDS, (("a", ""),)) in server.events


async def test_big_answers_are_split(server, client):
    server.apply(*(thing(CDS, f"c{i}", "x" * 1_000_000) for i in range(8)))
    await client.send(CDS)
    got: set[str] = set()
    for _ in range(3):
        response = await client.receive()
        assert response.ByteSize() < 4 << 20
        got |= names(response)
        await client.ack(response)
    assert len(got) == 8


async def test_a_rejected_resource_falls_back_to_the_accepted_one_and_is_not_sent_again(server, client):
    server.apply(thing(CDS, "a", "1", "mine"), thing(CDS, "b", "1"))
    await take(client, CDS)
    server.apply(thing(CDS, "a", "bad", "mine"))

    await client.nack(await client.receive(), "a: no")

    assert await client.fence() == []
    assert server.cache.entries(CDS)["a"].resource == thing(CDS, "a", "1", "mine")
    assert [event.message for event in server.seen(Quarantined)] == ["a: no"]
    assert server.seen(Nacked)[0].message == "a: no"
    server.apply(thing(CDS, "a", "2", "mine"))
    assert bodies(await client.receive()) == {"a": "2"}
    assert len(server.seen(Released)) == 1


async def test_one_bad_resource_among_many_does_not_keep_the_others(server, client):
    server.apply(*(thing(CDS, f"c{i:02}", "bad" if i == 13 else "ok") for i in range(40)))
    await client.send(CDS)
    have: dict[str, str] = {}
    while len(have) < 39:
        response = await client.receive()
        if "bad" in bodies(response).values():
            await client.nack(response, "no")
        else:
            have |= bodies(response)
            await client.ack(response)

    assert await client.fence() == []
    assert "c13" not in have
    assert "c13" not in server.cache.entries(CDS)
    assert [event.name for event in server.seen(Quarantined)] == ["c13"]


async def test_the_bad_fragment_of_a_shared_resource_is_left_out(server, client):
    server.apply(pieces(RDS, "r", a="1", b="1", c="1"))
    await take(client, RDS, resource_names_subscribe=["r"])
    server.apply(pieces(RDS, "r", a="2", b="bad", c="2"))
    have = ""
    while have != "<r>[a=2][b=1][c=2]":
        response = await client.receive()
        body = bodies(response)["r"]
        if "bad" in body:
            await client.nack(response, "no")
        else:
            have = body
            await client.ack(response)

    assert await client.fence() == []
    assert [(event.key, event.message) for event in server.seen(Quarantined)] == [("b", "no")]


async def test_a_rejection_by_one_proxy_of_what_another_accepted_stays_its_own(server, client):
    server.apply(thing(LDS, "l", "1"))
    await take(client, LDS)
    async with connected(server, "other") as other:
        await other.send(LDS)
        await other.nack(await other.receive(), "cannot bind")
        assert await other.fence() == []
    assert server.cache.entries(LDS)["l"].resource == thing(LDS, "l", "1")
    assert server.seen(Quarantined) == []
    assert server.seen(Nacked)[0].proxy == "other"


async def test_routes_wait_for_the_clusters_and_endpoints_they_may_use(server, client):
    server.apply(thing(CDS, "a", "1"), thing(EDS, "a", "1"), thing(RDS, "r", "to a"))
    await take(client, CDS)
    await take(client, EDS, resource_names_subscribe=["a"])
    await take(client, RDS, resource_names_subscribe=["r"])

    server.apply(thing(CDS, "b", "1"), thing(EDS, "b", "1"), thing(RDS, "r", "to b"))

    clusters = await client.receive()
    assert (clusters.type_url, names(clusters)) == (CDS, {"b"})
    await client.send(EDS, resource_names_subscribe=["b"])
    endpoints = await client.receive()
    assert (endpoints.type_url, names(endpoints)) == (EDS, {"b"})
    await client.ack(clusters)
    assert await client.fence() == []
    await client.ack(endpoints)
    assert bodies(await client.receive()) == {"r": "to b"}


async def test_a_cluster_goes_when_the_routes_that_used_it_are_gone(server, client):
    server.apply(thing(CDS, "a", "1"), thing(CDS, "b", "1"), thing(RDS, "r", "to a"))
    await take(client, CDS)
    await take(client, RDS, resource_names_subscribe=["r"])

    server.apply(thing(RDS, "r", "to b"), removes=[(CDS, "a")])

    routes = await client.receive()
    assert routes.type_url == RDS
    assert await client.fence() == []
    await client.ack(routes)
    assert list((await client.receive()).removed_resources) == ["a"]


async def test_a_cluster_stays_while_the_last_good_route_of_its_owner_uses_it(server, client):
    server.apply(thing(CDS, "a", "1", "x"), pieces(RDS, "r", x="to a"))
    await take(client, CDS)
    await take(client, RDS, resource_names_subscribe=["r"])

    server.apply(pieces(RDS, "r", x="bad"), removes=[(CDS, "a")])
    await client.nack(await client.receive(), "no")

    assert await client.fence() == []
    assert "a" in server.cache.entries(CDS)
    server.apply(pieces(RDS, "r", x="good"))
    routes = await client.receive()
    assert bodies(routes) == {"r": "<r>[x=good]"}
    await client.ack(routes)
    assert list((await client.receive()).removed_resources) == ["a"]


async def test_the_observer_sees_proxies_come_and_go(server):
    async with connected(server, "one") as client:
        await client.fence()
        assert server.seen(Connected) == [Connected("one", "v", "one")]
        async with connected(server, "one") as second:
            await second.fence()
        await client.fence()
    await server.ads.stop(server.grpc, grace=0)
    assert server.seen(Disconnected) == [Disconnected("one")]
    assert server.ads.streams == 0


async def test_a_peer_that_may_see_nothing_is_told_why():
    def identify(context, node):
        raise Refused("no certificate of this mesh")

    async with running(identify=identify) as server, connected(server) as client:
        await client.send(CDS)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.receive()
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert error.value.details() == "no certificate of this mesh"


async def test_a_stopping_server_sends_its_clients_elsewhere(server):
    async with connected(server) as client:
        await client.fence()
        stopping = asyncio.ensure_future(server.ads.stop(server.grpc, grace=5))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await client.receive()
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        await stopping


async def test_a_peer_that_takes_no_bytes_is_given_up(server, monkeypatch):
    monkeypatch.setattr("envoy_xds.server.SLOW", 0.1)
    async with connected(server) as client:
        for number in range(20):  # asks for more and more and never reads
            await client.send(f"type.googleapis.com/test.{number}")
            server.apply(thing(f"type.googleapis.com/test.{number}", "x", "x" * 3_000_000))
        await server.until(lambda: bool(server.seen(Disconnected)))


async def test_peers_prove_who_they_are():
    authority = Authority()

    def identify(context, node):
        names = context.auth_context().get("x509_subject_alternative_name", [])
        if b"spiffe://mesh/agent" not in names:
            raise Refused("not of this mesh")
        return "v", node.id

    key, chain = authority.issue("DNS:localhost")
    credentials = grpc.ssl_server_credentials([(key, chain)], authority.pem, require_client_auth=True)
    async with running(credentials=credentials, identify=identify) as server:
        server.apply(thing(CDS, "a", "1"))
        for name, welcome in (("spiffe://mesh/agent", True), ("spiffe://mesh/stranger", False)):
            key, chain = authority.issue(f"URI:{name}")
            own = grpc.ssl_channel_credentials(authority.pem, key, chain)
            async with connected(server, credentials=own) as client:
                await client.send(CDS)
                if welcome:
                    assert names(await client.receive()) == {"a"}
                    continue
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await client.receive()
                assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        async with connected(server, credentials=grpc.ssl_channel_credentials(authority.pem)) as client:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await take(client, CDS)
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
