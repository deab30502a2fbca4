"""An agent's first certificate, over real gRPC with server TLS: for its node only, and each refusal in words."""

from datetime import UTC, datetime
from types import SimpleNamespace

import grpc
import pytest
import pytest_asyncio
from cryptography import x509

from operators.ca.authority import Names, key_pem, make_key, make_request, make_root
from operators.ca.bootstrap import Certificates, bearer_token, host
from operators.ca.limiter import Limiter
from operators.ca.reviews import AUDIENCE, Caller, NotAuthenticated, Remembering, read
from operators.kube import KubeError
from operators.node_api.services import issue

AGENT = "system:serviceaccount:tulle-system:tulle-agent"
SERVER = "tulle-controller.tulle-system.svc"
CALLERS = {
    "good": Caller(AGENT, "node-a", "tulle-agent-x"),
    "controller": Caller("system:serviceaccount:tulle-system:tulle-controller", "node-a"),
    "legacy": Caller(AGENT),
}


async def review(token):
    if token == "outage":
        raise KubeError(503, "ServiceUnavailable", "no etcd")
    if token not in CALLERS:
        raise NotAuthenticated("invalid bearer token")
    return CALLERS[token]


@pytest_asyncio.fixture
async def service():
    """The server's port with a root, and what a client needs to trust it."""
    now = datetime.now(UTC)
    root, key = make_root("cluster.local", now), make_key()
    chain = root.issue(key.public_key(), Names("spiffe://x/y", (SERVER,)), now, 0).chain
    server = grpc.aio.server()
    certificates = Certificates(
        review,
        lambda key, names: root.issue(key, names, now, 0),
        "cluster.local",
        "tulle-system",
        Limiter(1, 5, lambda: 0),
    )
    server.add_generic_rpc_handlers((certificates.handler(),))
    credentials = grpc.ssl_server_credentials([(key_pem(key), b"".join(chain))])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    options = [("grpc.ssl_target_name_override", SERVER)]
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{port}", grpc.ssl_channel_credentials(root.bundle), options
    ) as channel:
        yield SimpleNamespace(channel=channel, root=root)
    await server.stop(None)


async def refused(service, token, csr=None):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await issue(service.channel, csr or make_request(make_key()), token, 20)
    return caught.value.code().name, caught.value.details()


async def test_an_agent_becomes_its_node(service):
    key = make_key()
    answer = await issue(service.channel, make_request(key), "good", 20)
    leaf = x509.load_pem_x509_certificate(answer.chain_pem[0])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert list(names) == [
        x509.UniformResourceIdentifier("spiffe://cluster.local/ns/tulle-system/sa/tulle-agent/node/node-a")
    ]
    assert leaf.public_key() == key.public_key()
    assert answer.trust_bundle_pem == service.root.bundle
    leaf.verify_directly_issued_by(service.root.certificate)


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        ("stolen", "UNAUTHENTICATED", "the token was refused: invalid bearer token"),
        ("controller", "PERMISSION_DENIED", f"tulle-controller, not of {AGENT}"),
        ("legacy", "PERMISSION_DENIED", "does not say which node its pod is on"),
        ("outage", "UNAVAILABLE", "could not be reviewed: 503 ServiceUnavailable: no etcd"),
    ],
)
async def test_a_refusal_says_why(service, token, code, words):
    answered, details = await refused(service, token)

    assert answered == code
    assert words in details


async def test_a_bad_request_is_refused_after_the_token_was_good(service):
    assert (await refused(service, "good", b"noise"))[0] == "INVALID_ARGUMENT"


async def test_one_host_may_not_ask_without_end(service):
    codes = [(await refused(service, "stolen"))[0] for _ in range(6)]

    assert codes == ["UNAUTHENTICATED"] * 5 + ["RESOURCE_EXHAUSTED"]


def test_a_call_without_a_token_is_refused():
    with pytest.raises(Exception, match="no bearer token"):
        bearer_token(SimpleNamespace(invocation_metadata=lambda: (("authorization", "Basic x"),)))


def test_slow_down_is_per_host_and_ends():
    clock = SimpleNamespace(now=0.0)
    limiter = Limiter(1, 2, lambda: clock.now)

    assert [limiter.allows("a") for _ in range(3)] == [True, True, False]
    assert limiter.allows("b")
    clock.now = 1.5
    assert [limiter.allows("a") for _ in range(2)] == [True, False]


def test_a_peer_is_known_by_its_host():
    assert host("ipv4:10.0.0.1:4000") == host("ipv4:10.0.0.1:4001")
    assert host("ipv6:%5Bfd00::1%5D:1") != host("ipv6:%5Bfd00::2%5D:1")


async def test_a_good_token_is_remembered_for_a_while_and_a_bad_one_is_not():
    clock, asked = SimpleNamespace(now=0.0), []

    async def counted(token):
        asked.append(token)
        return await review(token)

    remembering = Remembering(counted, lambda: clock.now)
    for _ in range(2):
        assert (await remembering("good")).node == "node-a"
        with pytest.raises(NotAuthenticated):
            await remembering("bad")
    clock.now = 31
    await remembering("good")

    assert asked == ["good", "bad", "bad", "good"]


def test_a_token_review_is_read():
    user = {
        "username": AGENT,
        "extra": {
            "authentication.kubernetes.io/node-name": ["node-a"],
            "authentication.kubernetes.io/pod-name": ["p"],
        },
    }

    assert read({"authenticated": True, "audiences": [AUDIENCE], "user": user}, AUDIENCE) == Caller(
        AGENT, "node-a", "p"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, "does not know"),
        ({"authenticated": False, "error": "expired"}, "expired"),
        ({"authenticated": True, "audiences": ["other"]}, "not meant for tulle.dev/ca"),
    ],
)
def test_a_token_that_proves_nothing_is_refused(status, words):
    with pytest.raises(NotAuthenticated, match=words):
        read(status, AUDIENCE)
