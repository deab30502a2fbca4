"""Follows the tables of the IR and keeps a cache of Envoy's resources current.

All that one commit changes is published at once, so that what is removed is removed after what still used it.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Protocol, TypeVar

from envoy_xds import clusters, endpoints, listeners, routes, secrets
from envoy_xds.attempts import Attempts
from envoy_xds.cache import Cache
from envoy_xds.gateways import Gateways
from envoy_xds.resource import Resource
from operators.ir.refs import ObjectRef
from operators.ir.routes import Certificate, Cluster, Endpoints, Gateway, TlsHost, VirtualHost

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Changes(Protocol[T_co]):
    """What one commit did to one table."""

    @property
    def upserts(self) -> Mapping[str, T_co]: ...
    @property
    def deletes(self) -> AbstractSet[str]: ...


class Table(Protocol[T_co]):
    """A collection, as seen from here."""

    def subscribe(self, fn: Callable[[Changes[T_co]], None], /) -> None: ...


class Tables(Protocol):
    """The tables that a proxy's configuration follows from."""

    @property
    def gateways(self) -> Table[Gateway]: ...
    @property
    def virtual_hosts(self) -> Table[VirtualHost]: ...
    @property
    def tls_hosts(self) -> Table[TlsHost]: ...
    @property
    def certificates(self) -> Table[Certificate]: ...
    @property
    def clusters(self) -> Table[Cluster]: ...
    @property
    def endpoints(self) -> Table[Endpoints]: ...


def emit(tables: Tables, cache: Cache, attempts: Attempts | None = None) -> Callable[[], None]:
    """Publish what is in the tables; the returned function publishes what has changed since: call it after each commit."""
    emitter = Emitter(cache, attempts or Attempts())
    emitter.follow(tables)
    emitter.publish()
    return emitter.publish


class Emitter:
    def __init__(self, cache: Cache, attempts: Attempts) -> None:
        self._cache = cache
        self._attempts = attempts
        self._gateways = Gateways(attempts)
        self._changed: dict[tuple[str, str], Resource | None] = {}  # by type URL and name

    def follow(self, tables: Tables) -> None:
        tables.endpoints.subscribe(self._each(endpoints.TYPE_URL, endpoints.load_assignment, lambda _: frozenset()))
        tables.clusters.subscribe(self._each(clusters.TYPE_URL, clusters.cluster, lambda row: row.origins))
        tables.certificates.subscribe(self._each(secrets.TYPE_URL, secrets.secret, lambda row: row.origins))
        tables.gateways.subscribe(lambda now: self._gateways.gateways_changed(now.upserts, now.deletes))
        tables.tls_hosts.subscribe(lambda now: self._gateways.tls_hosts_changed(now.upserts, now.deletes))
        tables.virtual_hosts.subscribe(lambda now: self._gateways.virtual_hosts_changed(now.upserts, now.deletes))

    def publish(self) -> None:
        self._changed |= {(listeners.TYPE_URL, name): one for name, one in self._gateways.listeners()}
        self._changed |= {(routes.TYPE_URL, name): one for name, one in self._gateways.routes()}
        changed, self._changed = self._changed, {}
        if changed:
            upserts = [one for one in changed.values() if one is not None]
            self._cache.apply(upserts, [key for key, one in changed.items() if one is None])

    def _each(
        self, type_url: str, make: Callable[[T], Resource], whose: Callable[[T], frozenset[ObjectRef]]
    ) -> Callable[[Changes[T]], None]:
        """One resource for each row of a table."""

        def follow(now: Changes[T]) -> None:
            for key, row in now.upserts.items():
                made = self._attempts.make((type_url, key), whose(row), partial(make, row))
                if made is not None:
                    self._changed[type_url, key] = made
            for key in now.deletes:
                self._attempts.forget((type_url, key))
                self._changed[type_url, key] = None

        return follow
