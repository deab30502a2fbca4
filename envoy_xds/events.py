"""What happens between us and the proxies, as values: for the ledger, for the other replicas, for logs and metrics."""

from dataclasses import dataclass

from operators.ir.refs import ObjectRef

Versions = tuple[tuple[str, str], ...]
"""Pairs of resource name and version; the version of a resource that is not there is empty."""


@dataclass(frozen=True, slots=True)
class Connected:
    proxy: str
    view: str
    node: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    proxy: str


@dataclass(frozen=True, slots=True)
class Acked:
    """The proxy has these versions now. `complete`: and nothing else of this type (what it says when a stream begins)."""

    proxy: str
    type_url: str
    versions: Versions
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Nacked:
    """The proxy refused these versions and keeps what it had."""

    proxy: str
    type_url: str
    versions: Versions
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """A view's resource has a new version (empty: it is gone).

    `changed` are the objects whose part of it differs from before, `origins` all that have a part in it, `held` those whose
    newest part is kept out while we look for what a proxy rejected.
    """

    view: str
    type_url: str
    name: str
    version: str
    changed: frozenset[ObjectRef]
    origins: frozenset[ObjectRef]
    held: frozenset[ObjectRef] = frozenset()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A fragment was found guilty of a rejection and is held back until its content changes; `digest` says which content."""

    view: str
    type_url: str
    name: str
    key: str
    digest: str
    origins: frozenset[ObjectRef]
    message: str


@dataclass(frozen=True, slots=True)
class Released:
    """A quarantine has ended: new content, or a proxy accepted the old one after all."""

    view: str
    type_url: str
    name: str
    key: str
    origins: frozenset[ObjectRef]


ProxyEvent = Connected | Disconnected | Acked | Nacked
CacheEvent = Published | Quarantined | Released
Event = ProxyEvent | CacheEvent
