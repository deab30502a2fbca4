"""Statuses on a real API server: what differs is written, by the leader, once; what fails is tried again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from operators.controller.kinds import CILIUM_INGRESS, INGRESS, WRITTEN
from operators.ir.refs import ObjectRef
from operators.kube import Kube, KubeError
from operators.status.conditions import Condition
from operators.status.documents import ANNOTATION, Written
from operators.status.queue import Bucket, Queue
from operators.status.writer import StatusWriter

SINCE = "2026-01-02T03:04:05Z"
READY = (
    Condition("Accepted", True, "Accepted", "", 1, SINCE),
    Condition("Programmed", True, "Programmed", "all", 1, SINCE),
)
BROKEN = (Condition("ResolvedRefs", False, "ServiceNotFound", "no Service", 1, SINCE),)


class Desk:
    """A writer, and what it is to write."""

    def __init__(self, kube: Kube) -> None:
        self.leading = True
        self.wanted: dict[ObjectRef, Written] = {}
        self.writer = StatusWriter(kube, WRITTEN, lambda: self.leading, Bucket(1000, 1000))
        for kind in WRITTEN:
            self.writer.decide(kind, self.wanted.get)

    def observe(self, kind: str, body: dict[str, Any]) -> ObjectRef:
        meta = body["metadata"]
        self.writer.observe(kind, f"{meta['namespace']}/{meta['name']}", body)
        return ObjectRef(kind, meta["namespace"], meta["name"])

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.writer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def idle(self) -> None:
        async with asyncio.timeout(30):
            while len(self.writer._queue):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)


async def ingress(kube: Kube, namespace: str, name: str = "web") -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    body = {"metadata": {"name": name}, "spec": {"defaultBackend": backend}}
    return await kube.create(INGRESS.path.url(namespace), body)


async def events(kube: Kube, namespace: str) -> list[tuple[str, str, str]]:
    found = await kube.get(f"/api/v1/namespaces/{namespace}/events")
    return [(one["type"], one["reason"], one["message"]) for one in found["items"]]


async def test_an_ingress_gets_an_annotation_an_address_and_events(kube: Kube, namespace: str) -> None:
    desk = Desk(kube)
    ref = desk.observe("Ingress", await ingress(kube, namespace))
    desk.wanted[ref] = Written(conditions=READY, addresses=("192.0.2.1",))
    async with desk.working():
        await desk.idle()
        found = await kube.get(INGRESS.path.url(namespace, "web"))
        assert '"Programmed","status":"True"' in found["metadata"]["annotations"][ANNOTATION]
        assert found["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1"}]
        assert await events(kube, namespace) == [("Normal", "Programmed", "all")]

        desk.wanted[ref] = Written()
        desk.writer.mark(ref)
        await desk.idle()
        found = await kube.get(INGRESS.path.url(namespace, "web"))

    assert "annotations" not in found["metadata"]
    assert found["status"]["loadBalancer"] == {}


async def test_our_kind_gets_conditions_in_its_status(kube: Kube, namespace: str) -> None:
    desk = Desk(kube)
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    body = {"apiVersion": "tulle.dev/v1alpha1", "kind": "CiliumIngress", "metadata": {"name": "web"}}
    created = await kube.create(CILIUM_INGRESS.path.url(namespace), body | {"spec": {"defaultBackend": backend}})
    ref = desk.observe("CiliumIngress", created)
    desk.wanted[ref] = Written(generation=1, conditions=BROKEN, addresses=("192.0.2.1", "2001:db8::1"))
    async with desk.working():
        await desk.idle()
    status = (await kube.get(CILIUM_INGRESS.path.url(namespace, "web")))["status"]

    assert status["observedGeneration"] == 1
    assert status["conditions"][0]["lastTransitionTime"] == SINCE
    assert [one["ip"] for one in status["loadBalancer"]["ingress"]] == ["192.0.2.1", "2001:db8::1"]
    assert await events(kube, namespace) == [("Warning", "ServiceNotFound", "no Service")]


async def test_nothing_is_written_where_nothing_differs(kube: Kube, namespace: str) -> None:
    desk = Desk(kube)
    ref = desk.observe("Ingress", await ingress(kube, namespace))
    desk.wanted[ref] = Written(conditions=READY)
    async with desk.working():
        await desk.idle()
        first = await kube.get(INGRESS.path.url(namespace, "web"))
        desk.observe("Ingress", first)
        await desk.idle()
        second = await kube.get(INGRESS.path.url(namespace, "web"))

    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert desk.writer.writes == 1


async def test_who_does_not_lead_does_not_write(kube: Kube, namespace: str) -> None:
    desk = Desk(kube)
    desk.leading = False
    ref = desk.observe("Ingress", await ingress(kube, namespace))
    desk.wanted[ref] = Written(conditions=READY)
    async with desk.working():
        desk.writer.mark_all()
        await desk.idle()
        assert desk.writer.writes == 0
        desk.leading = True
        desk.writer.mark_all()
        await desk.idle()

    assert desk.writer.writes == 1


async def test_an_object_that_is_gone_is_forgotten(kube: Kube, namespace: str) -> None:
    desk = Desk(kube)
    ref = desk.observe("Ingress", await ingress(kube, namespace))
    desk.wanted[ref] = Written(conditions=READY)
    await kube.delete(INGRESS.path.url(namespace, "web"))
    async with desk.working():
        await desk.idle()

    assert desk.writer.retries == 0


class Flaky(Kube):
    """Refuses the first patches, as an API server under load."""

    refusals: tuple[Exception, ...] = ()

    async def patch(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.refusals:
            error, *rest = self.refusals
            self.refusals = tuple(rest)
            raise error
        return await super().patch(url, body)


@pytest.mark.parametrize(
    "error",
    [
        KubeError(409, "Conflict", "changed"),
        KubeError(429, "TooManyRequests", "slow", 0.1),
        KubeError(503, "", "starting"),
        TimeoutError(),
    ],
)
async def test_what_fails_is_tried_again(kube: Kube, namespace: str, error: Exception, monkeypatch) -> None:
    monkeypatch.setattr("operators.status.writer.RETRY_FIRST", 0.05)
    async with await Flaky.connect() as flaky:
        flaky.refusals = (error, error)
        desk = Desk(flaky)
        ref = desk.observe("Ingress", await ingress(kube, namespace))
        desk.wanted[ref] = Written(conditions=READY)
        async with desk.working():
            await desk.idle()

    assert desk.writer.retries == 2
    assert ANNOTATION in (await kube.get(INGRESS.path.url(namespace, "web")))["metadata"]["annotations"]


def test_the_bucket_lets_a_burst_through_and_then_a_rate() -> None:
    now = 0.0
    bucket = Bucket(10, 3, lambda: now)

    assert [bucket.take() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


async def test_an_object_marked_in_work_is_taken_again_after_it() -> None:
    now = 0.0
    queue = Queue(lambda: now)
    ref, other = ObjectRef("Ingress", "a", "b"), ObjectRef("Ingress", "a", "c")
    queue.mark(ref, 0)
    assert await queue.take() == ref
    queue.mark(ref, 0)
    queue.mark(other, 0)
    assert await queue.take() == other

    queue.done(ref)

    assert await asyncio.wait_for(queue.take(), 5) == ref


def test_replacing_keeps_identity() -> None:
    """Written is compared whole: what `desired` leaves alone must be equal."""
    one = Written("uid", 1, READY)

    assert replace(one) == one
