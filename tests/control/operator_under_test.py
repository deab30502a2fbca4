"""Kopf embedded as the controller embeds it, with ConfigMaps and a kind that is not installed as what it watches."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import kopf

from operators.collections import Changes, Graph
from operators.debounce import Driver
from operators.freshness import Freshness
from operators.kube import Kube, Path
from operators.watches import Invalid, Watch, register

CONFIG_MAPS = Path("", "v1", "configmaps")


@dataclass(frozen=True, slots=True)
class Text:
    """A ConfigMap; one with the text `bad` is not understood."""

    key: str
    text: str

    @classmethod
    def parse(cls, body) -> "Text":
        meta, text = body["metadata"], (body.get("data") or {}).get("text", "")
        if text == "bad":
            raise ValueError("the text is bad")
        return cls(f"{meta['namespace']}/{meta['name']}", text)


class Operator:
    def __init__(self, kube: Kube, interval: float, limit: float, fields: str = "") -> None:
        self.graph = Graph()
        self.errors: list[Exception] = []
        self.texts = self.graph.source("texts", Text)
        self.invalid = self.graph.source("invalid", Invalid)
        missing = self.graph.source("missing", Text)
        self.watch = Watch(CONFIG_MAPS, Text, self.texts, self.invalid, fields=fields)
        self.watches = [self.watch, Watch(Path("tulle.dev", "v1alpha1", "missing"), Text, missing)]
        self.driver = Driver(self.graph, asyncio.get_running_loop(), self.errors.append)
        self.freshness = Freshness(kube, self.watches, self.driver, interval, limit)
        self._changed = asyncio.Event()
        self.commits: list[Changes[Text]] = []
        self.texts.subscribe(self.commits.append)
        self.driver.after_commit(lambda _: self._changed.set())

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def text(self, key: str) -> str | None:
        found = self.texts.get(key)
        return found.text if found else None


@asynccontextmanager
async def running(
    kube: Kube, *, interval: float = 0.3, limit: float = 60.0, fields: str = ""
) -> AsyncIterator[Operator]:
    """An operator that has synced."""
    operator = Operator(kube, interval, limit, fields)
    registry = kopf.OperatorRegistry()
    register(registry, operator.watches, operator.driver)
    stop = asyncio.Event()
    task = asyncio.create_task(kopf.operator(registry=registry, clusterwide=True, stop_flag=stop))
    try:
        async with asyncio.timeout(30):
            await operator.freshness.synced()
        operator.driver.open()
        yield operator
    finally:
        operator.driver.close()
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def probing(operator: Operator) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(operator.freshness.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
