"""Changes under load: no request fails that some backend could have answered."""

import asyncio
import itertools
import ssl
from collections.abc import Iterable

import pytest
from aiohttp import web

from envoy_xds.order import CDS, EDS, LDS, RDS, SDS
from operators.ir.routes import (
    Certificate,
    Cluster,
    EdsBackend,
    Endpoint,
    Endpoints,
    Forward,
    Match,
    Retry,
    Scheme,
    Timeouts,
    TlsHost,
    WeightedCluster,
)
from tests.emit.load import load
from tests.emit.served import Served, closed_port, publish
from tests.emit.tables import host, route, upstream
from tests.ingress.certificates import certificate, private_key

pytestmark = pytest.mark.envoy


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


async def test_listeners_that_change_end_no_request(served):
    """TLS hosts come and go: with a certificate of their own, and with that of the host that is asked for."""
    world = served.world
    for name in ("x/a", "x/b"):
        world.certificates.set(Certificate(name, certificate(("a.example",)), private_key()))
    world.virtual_hosts.set(host("a.example", route(Match(), "one"), scheme=Scheme.HTTPS))
    world.tls_hosts.set(TlsHost("shared", "a.example", ("x/a",)))
    world.graph.commit()
    for kind, name in ((LDS, f"shared/127.0.0.1:{served.https}"), (RDS, "shared/https"), (SDS, "x/a")):
        await served.server.until_acked(kind, name)
    secure = {"scheme": "https", "ssl": ssl._create_unverified_context(), "server_hostname": "a.example"}
    async with load(served.https, "a.example", **secure) as traffic:
        for other in (TlsHost("shared", f"{at}.example", (f"x/{'ab'[at % 2]}",)) for at in range(10)):
            world.tls_hosts.set(other)
            world.graph.commit()
            await served.server.until_acked(LDS, f"shared/127.0.0.1:{served.https}")
            await traffic.more(30)

    assert set(traffic.outcomes) == {200}


class Pod:
    """Accepts, until it is told to end; what is open then is still served, as Kubernetes asks of pods."""

    async def start(self) -> int:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        return self.port

    async def stop_accepting(self) -> None:
        await self._site.stop()

    async def end(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(text=(await request.text())[:1])


async def scale(served: Served, ports: Iterable[int]) -> None:
    served.world.endpoints.set(Endpoints("app", tuple(Endpoint("127.0.0.1", port) for port in sorted(ports))))
    served.world.graph.commit()
    await served.server.until_acked(EDS, "app")


@pytest.fixture
async def app(served):
    served.world.clusters.set(Cluster("app", EdsBackend("app")))
    await publish(served, host("app.example", route(Match(), "app")))
    return served


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_rolling_update_loses_no_request(app, method):
    """Pods stop accepting before we are told that they go."""
    pods = [Pod() for _ in range(3)]
    await scale(app, [await pod.start() for pod in pods])
    async with load(app.http, "app.example", method=method, data=b"x" * 10_000) as traffic:
        for _ in range(10):
            pods.append(Pod())
            await pods[-1].start()
            await scale(app, [pod.port for pod in pods])
            await traffic.more(20)
            old = pods.pop(0)
            await old.stop_accepting()
            await traffic.more(20)
            await scale(app, [pod.port for pod in pods])
            await traffic.more(20)
            await old.end()
    for pod in pods:
        await pod.end()

    assert set(traffic.outcomes) == {200}


@pytest.mark.parametrize("dead", [1, 3])
async def test_endpoints_that_refuse_cost_no_request(app, dead):
    """As many as the standard policy tries beside the first: one pod is left, and each request finds it."""
    pod = Pod()
    live = await pod.start()
    with closed_port() as first, closed_port() as second, closed_port() as third:
        await scale(app, [live, *[first, second, third][:dead]])
        async with load(app.http, "app.example", method="POST", data=b"x" * 10_000) as traffic:
            await traffic.more(200)
    await pod.end()

    assert set(traffic.outcomes) == {200}


class Breaking:
    """Reads a request and ends the connection instead of answering."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readuntil(b"\r\n\r\n"):
            self.requests += 1
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("retry", "requests"), [(None, 1), (Retry(2, ("503",)), 1), (Retry(2, ("reset",)), 3), (Retry(1, ("5xx",)), 2)]
)
async def test_what_may_have_been_processed_is_sent_again_only_if_asked(served, retry, requests):
    """A status in `on` is one that a backend sent, not ours for a backend that broke off."""
    breaking = Breaking()
    async with await asyncio.start_server(breaking, "127.0.0.1", 0) as server:
        upstream(served.world, "breaks", server.sockets[0].getsockname()[1])
        await publish(
            served, host("breaks.example", route(Match(), Forward((WeightedCluster("breaks"),), retry=retry)))
        )
        answer = await served.ask("http://breaks.example/")

    assert (answer.status, breaking.requests) == (503, requests)


class Late(Breaking):
    """Answers only from the second request on; the first gets `status`, or nothing."""

    def __init__(self, status: int = 0) -> None:
        super().__init__()
        self.status = status

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        if self.requests == 1 and not self.status:
            await reader.read()
        status = self.status if self.requests == 1 else 200
        writer.write(f"HTTP/1.1 {status} status\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()


async def status(served: Served, pod: Late, forward: dict) -> int:
    async with await asyncio.start_server(pod, "127.0.0.1", 0) as server:
        upstream(served.world, "late", server.sockets[0].getsockname()[1])
        await publish(served, host("late.example", route(Match(), Forward((WeightedCluster("late"),), **forward))))
        return (await served.ask("http://late.example/")).status


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ({"timeouts": Timeouts(backend_request=0.05)}, 504),
        ({"timeouts": Timeouts(backend_request=0.05), "retry": Retry(1, ("gateway-error",))}, 200),
        ({"retry": Retry(1, ("5xx",), per_try_timeout=0.05)}, 200),
        ({"timeouts": Timeouts(idle=0.05)}, 504),
    ],
)
async def test_limits_of_one_try(served, forward, expected):
    assert await status(served, Late(), forward) == expected


@pytest.mark.parametrize(
    ("retry", "expected"),
    [(None, 503), (Retry(1, ("502",)), 503), (Retry(1, ("503",)), 200), (Retry(1, ("connect-failure", "5xx")), 200)],
)
async def test_statuses_that_are_tried_again(served, retry, expected):
    assert await status(served, Late(503), {"retry": retry}) == expected
