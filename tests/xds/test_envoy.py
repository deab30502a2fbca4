"""The stock Envoy against the real server: what it subscribes to, accepts, rejects, and in which order things reach it."""

import pytest

from envoy_xds.events import Acked, Nacked, Quarantined
from envoy_xds.order import CDS, EDS, LDS, RDS
from tests.xds.client import running
from tests.xds.envoys import cluster, endpoints, listener, routes, started

pytestmark = pytest.mark.envoy


@pytest.fixture(params=["delta", "whole"])
async def both(request, tmp_path):
    """A server and an Envoy that has a first configuration."""
    async with running() as server:
        server.apply(cluster("c1"), endpoints("c1", 1), listener("l", 0, "r"), routes("r", a="c1"))
        async with started(tmp_path, server.port, delta=request.param == "delta") as envoy:
            await server.until_acked(RDS, "r")
            await server.until_acked(LDS, "l")
            yield server, envoy


async def clusters(envoy) -> set[str]:
    return {entry["cluster"]["name"] for entry in await envoy.config("dynamic_active_clusters")}


def acked_in_order(server, *wanted: tuple[str, str]) -> bool:
    """Whether these (type, name) were acknowledged last in this order."""
    last = {}
    for number, event in enumerate(server.events):
        if isinstance(event, Acked):
            last |= {(event.type_url, name): number for name, _ in event.versions}
    numbers = [last[key] for key in wanted]
    return numbers == sorted(numbers)


async def test_a_first_configuration_arrives(both):
    server, envoy = both
    assert await clusters(envoy) == {"c1"}
    assert not server.seen(Nacked)
    assert "l::" in await envoy.admin("/listeners")


async def test_a_route_to_a_new_cluster_comes_after_it_is_warm(both):
    server, envoy = both
    server.apply(cluster("c2"), endpoints("c2", 1), routes("r", a="c2"))
    await server.until_acked(RDS, "r")

    assert await clusters(envoy) == {"c1", "c2"}
    assert acked_in_order(server, (EDS, "c2"), (RDS, "r"))


async def test_a_changed_cluster_gets_its_endpoints_again_so_that_nothing_waits(both):
    server, envoy = both
    server.apply(cluster("c1", connect_timeout="3s"), routes("r", a="c1", b="c1"))
    await server.until_acked(RDS, "r")

    (active,) = await envoy.config("dynamic_active_clusters")
    assert active["cluster"]["connect_timeout"] == "3s"
    assert "c1::127.0.0.1:1::" in await envoy.admin("/clusters")
    assert await envoy.config("dynamic_warming_clusters") == []


async def test_a_cluster_is_removed_after_the_route_that_used_it(both):
    server, envoy = both
    server.apply(cluster("c2"), endpoints("c2", 1), routes("r", a="c2"), removes=[(CDS, "c1"), (EDS, "c1")])
    await server.until(lambda: any((("c1", "") in e.versions) and e.type_url == CDS for e in server.seen(Acked)))

    assert await clusters(envoy) == {"c2"}
    assert acked_in_order(server, (CDS, "c2"), (RDS, "r"), (CDS, "c1"))


async def test_a_bad_host_is_left_out_and_its_neighbours_change(both):
    server, envoy = both
    server.apply(routes("r", a="c1", bad="~(", good="c1"))
    await server.until(lambda: bool(server.seen(Quarantined)))
    await server.until_acked(RDS, "r")

    (found,) = server.seen(Quarantined)
    assert (found.name, found.key) == ("r", "bad")
    assert "missing )" in found.message
    (shown,) = await envoy.config("dynamic_route_configs")
    assert {host["name"] for host in shown["route_config"]["virtual_hosts"]} == {"a", "good"}


async def test_a_bad_cluster_costs_no_other_cluster(both):
    server, envoy = both
    many = [cluster(f"n{i:02}") for i in range(30)]
    bad = cluster("n99", lb_policy="CLUSTER_PROVIDED")
    server.apply(*many, *(endpoints(f"n{i:02}", 1) for i in range(30)), bad)
    await server.until(lambda: bool(server.seen(Quarantined)))
    for i in range(30):
        await server.until_acked(CDS, f"n{i:02}")

    assert [found.name for found in server.seen(Quarantined)] == ["n99"]
    assert await clusters(envoy) == {"c1", *(f"n{i:02}" for i in range(30))}


async def test_an_envoy_that_reconnects_is_sent_nothing_it_has(tmp_path):
    resources = [cluster("c1"), endpoints("c1", 1), listener("l", 0, "r"), routes("r", a="c1")]
    async with running() as first:
        first.apply(*resources)
        port = first.port
        async with started(tmp_path, port) as envoy:
            await first.until_acked(RDS, "r")
            await first.until_acked(LDS, "l")
            await first.ads.stop(first.grpc, grace=1)
            async with running(port=port) as second:
                second.apply(*resources)
                await second.until(lambda: {e.type_url for e in second.seen(Acked)} >= {CDS, EDS, LDS, RDS})
                resumed = {e.type_url: e.versions for e in second.seen(Acked)}
                second.apply(endpoints("c1", 2))
                await second.until_acked(EDS, "c1")
                assert [len(resumed[t]) for t in (CDS, EDS, LDS, RDS)] == [1, 1, 1, 1]
                assert all(event.complete for event in second.seen(Acked)[:-1])
                assert "c1::127.0.0.1:2::" in await envoy.admin("/clusters")
