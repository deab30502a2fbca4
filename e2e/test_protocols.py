"""WebSocket and gRPC through the ingress, from outside of the cluster."""

from collections.abc import Iterator

import pytest

from e2e.echo import echo
from e2e.lab import ClientNamespace, Cluster
from e2e.objects import apply, await_object
from e2e.protocols import ask
from e2e.served import address_of, served

NAMESPACE = "protocols"
WEB, GRPC = "ws.example", "grpc.example"
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "grpc"},
    "spec": {"selector": {"app": "one"}, "ports": [{"port": 90, "targetPort": 9090, "appProtocol": "grpc"}]},
}


def ingress() -> dict:
    def rule(host: str, service: str, port: int) -> dict:
        backend = {"service": {"name": service, "port": {"number": port}}}
        return {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}

    spec = {"ingressClassName": "tulle", "rules": [rule(WEB, "one", 80), rule(GRPC, "grpc", 90)]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "protocols"}, "spec": spec}


@pytest.fixture(scope="module")
def address(tulle: Cluster) -> Iterator[str]:
    tulle.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")  # a run before us may just have left it
    tulle.kubectl("create", "namespace", NAMESPACE)
    apply(tulle, NAMESPACE, [*echo("one"), SERVICE, ingress()])
    tulle.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/one", "--timeout=120s")
    found = await_object(tulle, NAMESPACE, "ingress", "protocols", served)
    yield f"{address_of(found)}:80"
    tulle.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_websocket_carries_messages_both_ways(client: ClientNamespace, address: str):
    seen, *messages = ask(client, "websocket", address, WEB, 3)
    assert (seen["path"], seen["host"]) == ("/chat", WEB)
    assert messages == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_grpc_call_is_answered_by_the_pod(client: ClientNamespace, address: str):
    answers = ask(client, "grpc", address, GRPC, 2)
    assert [answer["request"] for answer in answers] == [{"number": 0}, {"number": 1}]
    assert answers[0]["host"] == GRPC


def test_a_grpc_stream_arrives_whole_and_in_order(client: ClientNamespace, address: str):
    answers = ask(client, "grpc-stream", address, GRPC, 20)
    assert [answer["index"] for answer in answers] == list(range(20))
