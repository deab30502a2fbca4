"""A replica's own certificate: it serves mTLS with it, renews it without a restart, and drops who is not of the mesh."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import pytest_asyncio
from cluster import Cluster

from operators.ca.authority import Names, key_pem, make_key, make_root
from operators.ca.bootstrap import Certificates
from operators.ca.identity import MeshAuthority, controller_names
from operators.ca.live import LiveAuthority
from operators.ca.store import Store

SERVER = "tulle-controller.tulle-system.svc"


async def started(now=lambda: datetime.now(UTC)) -> MeshAuthority:
    live = LiveAuthority(Store(Cluster(), "tulle-system", "cluster.local"), now)
    await live.load()
    certificates = Certificates(None, live.issue, "cluster.local", "tulle-system")
    return MeshAuthority(live, controller_names("cluster.local", "tulle-system", ["10.0.0.1"]), certificates, now)


@pytest_asyncio.fixture
async def authority():
    return await started()


@pytest_asyncio.fixture
async def serve(authority):
    """An echo that tells the caller's names, behind mTLS."""

    async def names(request, context):
        return b" ".join(context.auth_context()["x509_subject_alternative_name"])

    def configuration():
        one = authority.identity()
        return grpc.ssl_server_certificate_configuration([(one.key, one.chain)], one.bundle)

    server = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(names)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"m": method}),))
    credentials = grpc.dynamic_ssl_server_credentials(configuration(), configuration, True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


def channel(address, bundle, key=None, chain=None):
    credentials = grpc.ssl_channel_credentials(bundle, key, chain)
    return grpc.aio.secure_channel(address, credentials, [("grpc.ssl_target_name_override", SERVER)])


async def call(opened):
    async with asyncio.timeout(20):
        return await opened.unary_unary("/s/m")(b"")


async def test_a_replica_shows_who_it_is_to_another(authority, serve):
    one = authority.identity()
    async with channel(serve, one.bundle, one.key, one.chain) as opened:
        names = await call(opened)

    assert b"spiffe://cluster.local/ns/tulle-system/sa/tulle-controller" in names
    assert SERVER.encode() in names


async def test_a_stranger_is_dropped(authority, serve):
    root, key = make_root("other", datetime.now(UTC)), make_key()
    chain = root.issue(key.public_key(), Names("spiffe://other/x"), datetime.now(UTC), 0).chain[0]
    for credentials in [(), (key_pem(key), chain)]:
        async with channel(serve, authority.identity().bundle, *credentials) as opened:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(opened)


async def test_a_rotated_root_counts_at_the_next_handshake_and_open_connections_stay(authority, serve):
    before = authority.identity()
    async with channel(serve, before.bundle, before.key, before.chain) as early:
        await call(early)
        authority._live.authority = make_root("cluster.local", datetime.now(UTC))
        authority.renew()
        after = authority.identity()

        async with channel(serve, after.bundle, after.key, after.chain) as late:
            await call(late)
        async with channel(serve, before.bundle, before.key, before.chain) as outdated:
            with pytest.raises(grpc.aio.AioRpcError):
                await call(outdated)
        await call(early)


async def test_it_is_renewed_when_it_is_time():
    clock = [datetime.now(UTC)]
    authority = await started(lambda: clock[0])
    before, renewed = authority.identity(), asyncio.Event()
    original = authority.renew

    def renew():
        original()
        renewed.set()

    authority.renew = renew
    clock[0] += timedelta(hours=17)
    running = asyncio.create_task(authority.run())
    async with asyncio.timeout(20):
        await renewed.wait()
    running.cancel()

    assert authority.identity().chain != before.chain
    assert authority.identity().renew_at > clock[0]
