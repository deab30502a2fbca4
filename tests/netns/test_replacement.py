"""An Envoy is replaced by another on the same port under load: no request fails, no connection is cut."""

import asyncio
import json
import random
from contextlib import AsyncExitStack

import grpc
import pytest
import pytest_asyncio

from operators.node_agent.envoy_admin import AdminUnreachable
from tests.netns.namespace import set_sysctl
from tests.netns.processes import proxy, started
from tests.netns.resources import PORT, cluster, direct, listener, to_cluster
from tests.xds.client import running

pytestmark = [pytest.mark.root, pytest.mark.envoy]


@pytest_asyncio.fixture
async def upstreams(loopback):
    """Slow ones, so that requests are under way when an Envoy ends: HTTP/1.1 and gRPC."""

    async def slow(reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(random.random() / 5)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow")
        except (EOFError, OSError):
            writer.close()

    async def call(request, context):
        await asyncio.sleep(random.random() / 20)
        return request

    handler = grpc.method_handlers_generic_handler("test", {"Slow": grpc.unary_unary_rpc_method_handler(call)})
    rpc = grpc.aio.server()
    rpc.add_generic_rpc_handlers((handler,))
    rpc_port = rpc.add_insecure_port("127.0.0.1:0")
    await rpc.start()
    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        yield cluster("slow", server.sockets[0].getsockname()[1]), cluster("rpc", rpc_port, http2=True)
        server.close()
    await rpc.stop(0)


@pytest_asyncio.fixture
async def controller(upstreams):
    async with running() as server:
        routes = to_cluster("/slow", "slow"), to_cluster("/test/", "rpc"), direct("/", "x")
        server.apply(*upstreams, listener(*routes))
        yield server


async def under_load(controller, folder, generator, number: int = 3) -> dict:
    """Start an Envoy, load it, replace each by the next; what the load saw, and the exit statuses."""
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(proxy("e0", folder, controller.port))
        await old.ready()
        load = await stack.enter_async_context(generator)
        statuses = []
        for one in range(1, number + 1):
            new = await stack.enter_async_context(proxy(f"e{one}", folder, controller.port))
            await new.ready()
            statuses.append(await old.end())
            old = new
        out, _ = await load.communicate(b"")
        return json.loads(out) | {"statuses": statuses}


async def test_no_request_fails_on_kept_and_on_new_connections(controller, tmp_path):
    set_sysctl("net.ipv4.tcp_migrate_req", 1)
    seen = await under_load(controller, tmp_path, load(20, 100, "/", "/", "/", "/", "/slow"))

    assert seen["failures"] == []
    assert seen["statuses"] == [0, 0, 0]
    assert seen["requests"] > 1000
    assert seen["closed_by_announcement"] >= 20  # every kept connection was told so
    assert {"e0", "e1", "e2", "e3"} <= seen["served"].keys()


async def test_no_call_fails_over_http2(controller, tmp_path):
    set_sysctl("net.ipv4.tcp_migrate_req", 1)
    seen = await under_load(controller, tmp_path, started("tests.netns.grpc_load", str(PORT), "8"))

    assert seen["failures"] == []
    assert seen["requests"] > 100


async def test_an_idle_connection_is_kept_until_the_limit_and_then_ended(controller, tmp_path):
    async with proxy("e0", tmp_path, controller.port, drain_seconds=0.5) as one:
        await one.ready()
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        assert await one.end() == 0
        assert await reader.read() == b""
        writer.close()


async def test_readiness_ends_when_the_drain_begins(controller, tmp_path):
    async with proxy("e0", tmp_path, controller.port, linger_seconds=20) as one:
        await one.ready()
        one.launcher.terminate()
        async with asyncio.timeout(20):
            while await asyncio.to_thread(one.admin.not_ready) != "Envoy is DRAINING":  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await one.end() == 0  # the second signal: now


async def test_without_configuration_it_is_not_ready_and_with_none_to_serve_it_is(loopback, tmp_path):
    async with running() as server:
        async with proxy("e0", tmp_path, server.port) as one:
            await one.ready()
        port = server.port
    async with proxy("e1", tmp_path, port) as one:
        status = await until_answered(one.admin)

        assert status == "Envoy is PRE_INITIALIZING"
        assert await one.end() == 0


async def until_answered(admin) -> str | None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await asyncio.to_thread(admin.not_ready)
            except AdminUnreachable:
                await asyncio.sleep(0.02)


def load(kept: int, fresh: int, *paths: str):
    return started("tests.netns.load", str(PORT), str(kept), str(fresh), *paths)
