"""Kopf notices, the sources know: for each watched kind, its objects are parsed and put into a source collection.

All that Kopf may do is here: it writes nothing to users' objects (no finalizers, annotations, events or peering), it lists and
watches. What ends a watch:

- the API server is away, or answers 5xx or 429: retried without end (429) or for `ERROR_BACKOFFS` per request, then the process ends
  and Kubernetes starts it again; what proxies have goes on meanwhile;
- 403: retried for `ERROR_BACKOFFS`, since API servers refuse so while they start; lasting, the process ends, which shows;
- 410: the kind is listed again; what was deleted meanwhile is found by `freshness.py`, since no event tells it;
- a watch that is silent although objects change: `freshness.py` ends the process.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

import kopf
import structlog

from operators.collections import Source
from operators.kube import Path, login

log = structlog.get_logger("watches")

# About a minute: longer than an API server needs to start, shorter than a user needs to wonder.
ERROR_BACKOFFS = (0.2, 0.5, 1, 1, 2, 2, 3, 3, 5, 5, 5, 8, 8, 8, 8)
SERVER_TIMEOUT = 290  # seconds; a watch is made anew before load balancers in between forget it
CLIENT_TIMEOUT = 330.0  # longer, so that it ends by the server's hand
CONNECT_TIMEOUT = 5.0
IDLE_TIMEOUT = 0.5  # a task per object ends after so long a quiet

Body = Mapping[str, Any]


class Object(Protocol):
    """A model of `crds/`."""

    @property
    def key(self) -> str: ...
    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self: ...


T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class Invalid:
    """An object that our model refuses although the API server took it; its last good version is kept."""

    key: str
    error: str


@dataclass(slots=True)
class Watch:
    """A kind, the model that parses it, and where its objects go.

    `seen` holds the newest version of every object that arrived, whether it could be parsed or not, and `relisted` is set when
    a version arrives twice, as only another listing brings it; both for `freshness.py`. `observe` is told every body (None: deleted),
    for what the models leave out.
    """

    path: Path
    model: type[Any]
    source: Source[Any]
    invalid: Source[Invalid] | None = None
    observe: Callable[[str, Body | None], None] | None = None
    fields: str = ""  # a field selector
    urgent: bool = False  # traffic waits for it
    seen: dict[str, int] = field(default_factory=dict)
    relisted: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, what: str | None, body: Body) -> None:
        """An event as Kopf passes it on; what is listed has no type."""
        if what == "DELETED":
            self.drop(key_of(body), version_of(body))
        else:
            self.put(body)

    def put(self, body: Body) -> None:
        """Take an object as it is now. Kopf keeps the order of one UID only, so what was overtaken by a recreation is told by versions."""
        key, version = key_of(body), version_of(body)
        held = self.seen.get(key, 0)
        if version == held:
            self.relisted.set()
        if version <= held:
            return
        self.seen[key] = version
        if self.observe is not None:
            self.observe(key, body)
        try:
            self.source.set(self.model.parse(body))
        except ValueError as error:
            self._refuse(key, error)
        else:
            self._accept(key)

    def drop(self, key: str, version: int) -> None:
        """The object was gone at `version`."""
        if self.seen.get(key, 0) > version:
            return
        self.seen.pop(key, None)
        if self.observe is not None:
            self.observe(key, None)
        self.source.delete(key)
        self._accept(key)

    def _accept(self, key: str) -> None:
        if self.invalid is not None and self.invalid.latest(key) is not None:
            self.invalid.delete(key)

    def _refuse(self, key: str, error: ValueError) -> None:
        log.warning("object not understood", kind=str(self.path), object=key, error=str(error))
        if self.invalid is not None:
            self.invalid.set(Invalid(key, str(error)))


def key_of(body: Body) -> str:
    meta = body["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def version_of(body: Body) -> int:
    """Resource versions are ordered numbers (KEP-5504)."""
    return int(body["metadata"]["resourceVersion"])


class Touch(Protocol):
    """The driver, as seen from here."""

    def touch(self, *, urgent: bool = False) -> None: ...


def register(registry: kopf.OperatorRegistry, watches: Sequence[Watch], driver: Touch) -> None:
    """Have Kopf feed `watches`, and commit soon after."""
    kopf.on.login(registry=registry)(login)
    kopf.on.startup(registry=registry)(_configured(watches))
    for watch in watches:
        _register(registry, watch, driver)


def _register(registry: kopf.OperatorRegistry, watch: Watch, driver: Touch) -> None:
    """An event handler alone: with an index Kopf would hold a task for every listed object until all are there, and wake each
    of them whenever one more is, which takes minutes at 10,000 objects. The gate is `freshness.py`'s."""

    async def noticed(event: Mapping[str, Any], **_: object) -> None:
        watch.take(event["type"], event["object"])
        driver.touch(urgent=watch.urgent)

    kopf.on.event(watch.path.group, watch.path.version, watch.path.plural, id=watch.path.plural, registry=registry)(
        noticed
    )


class NoDiffs(kopf.DiffBaseStorage):
    """We keep no last-seen state on objects, and need none computed for every event."""

    def build(self, *, body: kopf.Body, extra_fields: object = None, ignored_fields: object = None) -> kopf.BodyEssence:  # noqa: ARG002
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None: ...

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None: ...


def _configured(watches: Sequence[Watch]) -> Callable[..., Any]:
    async def configured(settings: kopf.OperatorSettings, **_: object) -> None:
        configure(settings)
        for watch in watches:
            if watch.fields:
                path = watch.path
                settings.watching.field_selectors[path.group, path.version, path.plural] = watch.fields

    return configured


def configure(settings: kopf.OperatorSettings) -> None:
    """Kopf's settings for an operator that only looks."""
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDiffs()
    settings.networking.error_backoffs = ERROR_BACKOFFS
    settings.networking.connect_timeout = CONNECT_TIMEOUT
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.client_timeout = CLIENT_TIMEOUT
    settings.watching.connect_timeout = CONNECT_TIMEOUT
    settings.queueing.idle_timeout = IDLE_TIMEOUT
    settings.queueing.worker_limit = (
        None  # Kopf's gate holds the task of every listed object: any limit below their number never opens it
    )
