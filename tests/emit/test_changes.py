"""Changes under load: no request fails that some backend could have answered."""

import asyncio
import itertools

import pytest
from aiohttp import web

from envoy_xds.listeners import routes_name
from envoy_xds.order import CDS, EDS, RDS
from operators.ir.routes import Cluster, EdsBackend, Endpoint, Endpoints, Forward, Match, Retry, Scheme, WeightedCluster
from tests.emit.load import load
from tests.emit.served import backend, free_port, publish
from tests.emit.tables import host, route, upstream

pytestmark = pytest.mark.envoy
HTTP = routes_name("shared", Scheme.HTTP)


async def test_a_cluster_outlives_the_routes_that_leave_it(served):
    """Each time the new cluster comes and the old one goes in the same commit."""
    ports = {name: served.world.endpoints.get(name).endpoints[0].port for name in ("one", "two")}
    served.world.clusters.delete("two")
    served.world.endpoints.delete("two")
    await publish(served, host("moves.example", route(Match(), "one")))
    async with load(served.http, "moves.example") as traffic:
        for old, new in itertools.islice(itertools.cycle([("one", "two"), ("two", "one")]), 20):
            upstream(served.world, new, ports[new])
            served.world.clusters.delete(old)
            served.world.endpoints.delete(old)
            await publish(served, host("moves.example", route(Match(), new)))
            await served.server.until_acked(CDS, old)
            await traffic.more(20)

    assert set(traffic.outcomes) == {200}
