"""What is spoken on both sides: HTTP/1.0 and 1.1, HTTP/2, WebSocket, gRPC; TLS to backends; both families of addresses."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import grpc
import pytest
from aiohttp import web

from e2e.ports import free_port
from envoy_xds.order import CDS, LDS, RDS
from operators.ir.routes import (
    Cluster,
    DnsBackend,
    Gateway,
    Match,
    Protocol,
    Scheme,
    VirtualHost,
)
from tests.emit.served import publish
from tests.emit.tables import host, route, upstream
from tests.ingress.certificates import certificate, private_key

pytestmark = pytest.mark.envoy


async def exchange(address: str, port: int, request: str) -> str:
    """Send bytes, read until the end."""
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


async def test_http_1_0_is_answered(served):
    await publish(served, host("old.example", route(Match(), "one")))
    answers = [
        await exchange("127.0.0.1", served.http, "GET / HTTP/1.0\nHost: old.example\n\n"),
        await exchange("127.0.0.1", served.http, "GET / HTTP/1.1\nHost: old.example\nConnection: close\n\n"),
    ]
    assert [answer.split(" ")[1] for answer in answers] == ["200", "200"]


async def test_clients_cannot_pose_as_another_proxy(served):
    """Their forwarded addresses are kept before their own; Envoy's own headers mean nothing in their requests."""
    await publish(served, host("pose.example", route(Match(), "one")))
    headers = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Envoy-Upstream-Rq-Timeout-Ms": "1"}
    seen = (await served.ask("http://pose.example/", headers=headers)).seen["headers"]

    assert seen["X-Forwarded-For"].startswith("9.9.9.9,")
    assert seen["X-Forwarded-Proto"] == "http"
    assert not [name for name in seen if name.lower() == "x-envoy-upstream-rq-timeout-ms"]


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(f"heard {message.data}")
    return socket


async def test_websockets(served):
    app = web.Application()
    app.router.add_get("/{rest:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    upstream(served.world, "ws", runner.addresses[0][1])
    await publish(served, host("ws.example", route(Match(), "ws")))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{served.http}/", headers={"Host": "ws.example"}) as socket,
    ):
        await socket.send_str("this")
        heard = await socket.receive_str()
    await runner.cleanup()

    assert heard == "heard this"


class Grpc(grpc.GenericRpcHandler):
    """Answers every call with the bytes it got, twice."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def call(requests, context):
            async for request in requests:
                yield request + request

        return grpc.stream_stream_rpc_method_handler(call)


async def test_grpc_over_http2_without_tls(served):
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Grpc(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    upstream(served.world, "grpc", port, Protocol.H2C)
    await publish(served, host("grpc.example", route(Match(), "grpc")))
    options = [("grpc.default_authority", "grpc.example")]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{served.http}", options) as channel:
        call = channel.stream_stream("/any.Service/Call")()
        await call.write(b"a")
        first = await call.read()
        await call.write(b"b")
        await call.done_writing()
        second = await call.read()
    await server.stop(None)

    assert (first, second) == (b"aa", b"bb")


@asynccontextmanager
async def tls_backend(tmp_path):
    """Its port, and the names that clients asked it for by SNI."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "pair.pem").write_bytes(certificate(("whoever",)) + private_key())
    context.load_cert_chain(tmp_path / "pair.pem")
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], asked


async def test_tls_to_pods_names_the_requests_host(served, tmp_path):
    async with tls_backend(tmp_path) as (port, asked):
        upstream(served.world, "tls", port, Protocol.HTTPS)
        await publish(served, host("shop.example", route(Match(), "tls")))
        answer = await served.ask("http://shop.example/")

    assert (answer.status, asked) == (200, ["shop.example"])


async def test_an_external_name_is_resolved_and_asked_for(served, tmp_path):
    async with tls_backend(tmp_path) as (port, asked):
        served.world.clusters.set(Cluster("external", DnsBackend("localhost", port), Protocol.HTTPS))
        await publish(served, host("shop.example", route(Match(), "external")))
        await served.server.until_acked(CDS, "external")
        answer = await served.ask("http://shop.example/")

    assert (answer.status, asked) == (200, ["localhost"])


async def test_all_addresses_of_both_families_are_bound(served):
    port = free_port()
    served.world.gateways.set(Gateway("nodes", ("0.0.0.0", "::"), port, served.https))
    served.world.virtual_hosts.set(VirtualHost("nodes", Scheme.HTTP, "both.example", (route(Match(), "one"),)))
    served.world.graph.commit()
    for name in (f"nodes/0.0.0.0:{port}", f"nodes/[::]:{port}"):
        await served.server.until_acked(LDS, name)
    await served.server.until_acked(RDS, "nodes/http")
    request = "GET / HTTP/1.1\nHost: both.example\nConnection: close\n\n"

    answers = [await exchange(address, port, request) for address in ("127.0.0.1", "::1")]
    assert [answer.split(" ")[1] for answer in answers] == ["200", "200"]


async def test_an_address_that_is_not_there_yet_is_bound(served):
    """So that moving an address to another node needs no new configuration."""
    gateway = served.world.gateways.get("shared")
    served.world.gateways.set(replace(gateway, addresses=(*gateway.addresses, "192.0.2.77", "2001:db8::77")))
    served.world.graph.commit()

    for address in ("192.0.2.77", "[2001:db8::77]"):
        await served.server.until_acked(LDS, f"shared/{address}:{served.http}")
