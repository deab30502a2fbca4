"""Fixtures for tests that ask a real Envoy."""

import pytest

from e2e.ports import free_port
from envoy_xds.listeners import routes_name
from envoy_xds.order import LDS, RDS
from operators.ir.routes import Gateway, Scheme
from tests.emit.served import Served, backend
from tests.emit.tables import upstream
from tests.xds.client import running
from tests.xds.envoys import started


@pytest.fixture
async def served(tmp_path):
    """Three backends behind one gateway without hosts; `until_acked` waits for what a test adds."""
    async with running() as server, backend("one") as one, backend("two") as two, backend("three") as three:
        it = Served(free_port(), free_port(), server)
        it.world.gateways.set(Gateway("shared", ("127.0.0.1",), it.http, it.https))
        for name, port in (("one", one), ("two", two), ("three", three)):
            upstream(it.world, name, port)
        it.world.into(server.cache)
        async with started(tmp_path, server.port):
            await server.until_acked(LDS, f"shared/127.0.0.1:{it.http}")
            await server.until_acked(RDS, routes_name("shared", Scheme.HTTP))
            yield it
