"""Replicas of the controller as processes, on a real API server, with proxies that acknowledge: from an Ingress to its status."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from operators.controller.kinds import INGRESS, POOL
from operators.kube import Kube
from operators.status.documents import ANNOTATION
from tests.apiserver import ApiServer
from tests.control.replicas import PATIENCE, Replica, ensure, proxy, replica
from tests.control.wire import Wire


@pytest_asyncio.fixture
async def shop(kube: Kube, namespace: str) -> AsyncIterator[str]:
    """A namespace with an Ingress of ours, its Service, and a node to serve it. The Ingress goes afterwards: it has its host to itself."""
    address = {"type": "InternalIP", "address": "192.0.2.10"}
    await ensure(kube, "/api/v1/nodes", {"metadata": {"name": "node-a"}})
    await kube.patch("/api/v1/nodes/node-a/status", {"status": {"addresses": [address]}})
    spec = {"controller": "tulle.dev/ingress"}
    await ensure(kube, "/apis/networking.k8s.io/v1/ingressclasses", {"metadata": {"name": "tulle"}, "spec": spec})
    ports = [{"name": "http", "port": 80}]
    service = {"metadata": {"name": "web"}, "spec": {"ports": ports}}
    await kube.create(f"/api/v1/namespaces/{namespace}/services", service)
    await kube.create(INGRESS.path.url(namespace), {"metadata": {"name": "web"}, "spec": spec_of("a.example.com")})
    yield namespace
    await kube.delete(INGRESS.path.url(namespace, "web"))


def spec_of(host: str, service: str = "web") -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {"ingressClassName": "tulle", "rules": [{"host": host, "http": {"paths": paths}}]}


class Status:
    """What the Ingress says."""

    def __init__(self, body: dict[str, Any]) -> None:
        text = body["metadata"].get("annotations", {}).get(ANNOTATION, "[]")
        self.conditions = {one["type"]: one for one in json.loads(text)}
        self.addresses = [one["ip"] for one in body["status"].get("loadBalancer", {}).get("ingress", ())]
        self.generation = body["metadata"]["generation"]

    def says(self, kind: str, reason: str) -> bool:
        found = self.conditions.get(kind, {})
        return found.get("reason") == reason and found.get("observedGeneration") == self.generation


async def until(kube: Kube, namespace: str, holds: Callable[[Status], bool]) -> Status:
    url = INGRESS.path.url(namespace, "web")
    status = Status(await kube.get(url))
    try:
        async with asyncio.timeout(PATIENCE / 2):
            while not holds(status):
                await asyncio.sleep(0.05)
                status = Status(await kube.get(url))
    except TimeoutError:
        pytest.fail(f"the Ingress says {status.conditions} {status.addresses}")
    return status


async def leader(*replicas: Replica) -> tuple[Replica, Replica]:
    """Who leads, and who does not."""
    async with asyncio.timeout(PATIENCE):
        while not any([await one.leads() for one in replicas]):  # noqa: ASYNC110 - processes
            await asyncio.sleep(0.05)
    first, second = replicas
    return (first, second) if await first.leads() else (second, first)


async def test_an_ingress_is_programmed_when_proxies_say_so_and_says_where_it_is(
    api: ApiServer, kube: Kube, shop: str
) -> None:
    async with replica(api, shop, "one") as one:
        await one.ready()
        await until(kube, shop, lambda status: status.says("Programmed", "NoProxies") and not status.addresses)
        async with proxy(kube, shop, one.ads_port, "envoy/node-a/pod"):
            done = await until(
                kube, shop, lambda status: status.says("Programmed", "Programmed") and bool(status.addresses)
            )
            assert done.addresses == ["192.0.2.10"]
            assert done.conditions["Programmed"]["message"] == "acknowledged by 1 of 1 nodes"

            await kube.patch(INGRESS.path.url(shop, "web"), {"spec": spec_of("a.example.com", "missing")})
            broken = await until(kube, shop, lambda status: status.says("ResolvedRefs", "ServiceNotFound"))
            assert broken.addresses == ["192.0.2.10"], "what is served otherwise stays where it is"

            await kube.patch(INGRESS.path.url(shop, "web"), {"spec": {"ingressClassName": "other"}})
            await until(kube, shop, lambda status: not status.conditions and not status.addresses)

        assert await one.stop() == 0


async def test_the_leader_writes_what_followers_hear_and_a_follower_takes_over(
    api: ApiServer, kube: Kube, shop: str
) -> None:
    async with replica(api, shop, "one") as one, replica(api, shop, "two") as two:
        await asyncio.gather(one.ready(), two.ready())
        first, second = await leader(one, two)
        async with proxy(kube, shop, second.ads_port, "envoy/node-a/pod"):
            await until(kube, shop, lambda status: status.says("Programmed", "Programmed"))
            before = await kube.get(INGRESS.path.url(shop, "web"))

            assert await first.stop(signal.SIGKILL) == -signal.SIGKILL
            await kube.patch(INGRESS.path.url(shop, "web"), {"spec": spec_of("b.example.com")})
            await until(kube, shop, lambda status: status.says("Programmed", "Programmed"))
            assert await second.leads()
            after = Status(await kube.get(INGRESS.path.url(shop, "web")))

    since = Status(before).conditions["Programmed"]["lastTransitionTime"]
    assert after.conditions["Programmed"]["lastTransitionTime"] >= since
    assert after.addresses == ["192.0.2.10"]


async def test_a_new_leader_waits_for_every_node_with_a_ready_proxy(api: ApiServer, kube: Kube, shop: str) -> None:
    url = f"/apis/discovery.k8s.io/v1/namespaces/{shop}/endpointslices"
    await kube.create(url, proxies("node-a", "node-b"))
    async with replica(api, shop, "one", proxy_grace_seconds="3600") as one:
        await one.ready()
        async with proxy(kube, shop, one.ads_port, "envoy/node-a/pod"):
            waiting = await until(kube, shop, lambda status: status.says("Programmed", "Pending"))
            assert waiting.conditions["Programmed"]["message"] == "acknowledged by 1 of 2 nodes, waiting for node-b"

            async with proxy(kube, shop, one.ads_port, "envoy/node-b/pod"):
                done = await until(kube, shop, lambda status: status.says("Programmed", "Programmed"))
                assert done.conditions["Programmed"]["message"] == "acknowledged by 2 of 2 nodes"


async def test_an_address_of_a_pool_is_announced_before_it_is_told(api: ApiServer, kube: Kube, shop: str) -> None:
    await ensure(kube, POOL.path.url(), {"apiVersion": "tulle.dev/v1alpha1", "kind": "LoadBalancerIPPool"} | pool())
    try:
        async with replica(api, shop, "one", exposure="LoadBalancer") as one:
            await one.ready()
            async with proxy(kube, shop, one.ads_port, "envoy/node-a/pod"):
                await until(kube, shop, lambda status: status.says("Programmed", "NoAddress"))
                async with proxy(kube, shop, one.ads_port, "agent/node-a/pod"):
                    await until(
                        kube,
                        shop,
                        lambda status: status.says("Programmed", "Programmed") and status.addresses == ["198.51.100.0"],
                    )
                    status = (await kube.get(POOL.path.url(name="pool")))["status"]
        assert status["allocations"] == [{"address": "198.51.100.0", "node": "node-a", "owner": "shared"}]
        assert (status["total"], status["used"]) == ("4", 1)
    finally:
        await kube.delete(POOL.path.url(name="pool"))


async def test_an_api_server_that_takes_its_time_only_delays(api: ApiServer, kube: Kube, shop: str, wire: Wire) -> None:
    wire.slow(0.3)
    patient = {"lease_seconds": "15", "lease_renew_seconds": "10", "lease_retry_seconds": "2"}  # as in production
    async with replica(api, shop, "one", port=wire.port, freshness_limit_seconds="60", **patient) as one:
        await one.ready()
        async with proxy(kube, shop, one.ads_port, "envoy/node-a/pod"):
            await until(kube, shop, lambda status: status.says("Programmed", "Programmed"))
            await kube.patch(INGRESS.path.url(shop, "web"), {"spec": spec_of("b.example.com")})
            await until(kube, shop, lambda status: status.says("Programmed", "Programmed"))
        assert await one.leads()
        assert one.process.returncode is None


async def test_a_dead_watch_ends_the_process_loudly(api: ApiServer, kube: Kube, shop: str, wire: Wire) -> None:
    async with replica(api, shop, "one", port=wire.port, freshness_limit_seconds="1") as one:
        await one.ready()
        wire.freeze()
        await kube.patch(INGRESS.path.url(shop, "web"), {"spec": spec_of("c.example.com")})
        async with asyncio.timeout(PATIENCE):
            assert await one.process.wait() == 1


def pool() -> dict[str, Any]:
    return {"metadata": {"name": "pool"}, "spec": {"blocks": [{"cidr": "198.51.100.0/30"}]}}


def proxies(*nodes: str) -> dict[str, Any]:
    """The slice of the proxies' Service."""
    metadata = {"name": "tulle-envoy-1", "labels": {"kubernetes.io/service-name": "tulle-envoy"}}
    endpoints = [
        {"addresses": [f"192.0.2.{number}"], "nodeName": node, "conditions": {"ready": True}}
        for number, node in enumerate(nodes, 10)
    ]
    return {"metadata": metadata, "addressType": "IPv4", "ports": [], "endpoints": endpoints}
