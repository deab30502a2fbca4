"""Subscribes to the tables of the IR and keeps a cache of Envoy's resources current; computes only what changed.

Routes and listeners are published while their gateway is there: what no proxy asks for, nobody acknowledges.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from envoy_xds import clusters, endpoints, listeners, routes, secrets
from envoy_xds.cache import Cache
from envoy_xds.resource import Fragment, Resource
from operators.ir.routes import Certificate, Cluster, Endpoints, Gateway, Scheme, TlsHost, VirtualHost

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


def emit(tables: Tables, cache: Cache) -> None:
    """From now on, `cache` follows `tables`."""
    tables.endpoints.subscribe(_each(cache, endpoints.TYPE_URL, endpoints.load_assignment))
    tables.clusters.subscribe(_each(cache, clusters.TYPE_URL, clusters.cluster))
    tables.certificates.subscribe(_each(cache, secrets.TYPE_URL, secrets.secret))
    gateways = Gateways(cache)
    tables.gateways.subscribe(gateways.on_gateways)
    tables.tls_hosts.subscribe(gateways.on_tls_hosts)
    tables.virtual_hosts.subscribe(gateways.on_virtual_hosts)


def _each(cache: Cache, type_url: str, make: Callable[[T], Resource]) -> Callable[[Changes[T]], None]:
    """One resource for each row of a table."""

    def follow(changes: Changes[T]) -> None:
        cache.apply(
            [make(row) for row in changes.upserts.values()], [(type_url, key) for key in sorted(changes.deletes)]
        )

    return follow


class Gateways:
    """Listeners and routes of gateways, which are made of several rows each."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._gateways: dict[str, Gateway] = {}
        self._tls: dict[str, dict[str, TlsHost]] = {}
        self._hosts: dict[tuple[str, str], dict[str, Fragment]] = {}
        self._listeners: dict[str, set[str]] = {}
        self._routes: dict[str, set[str]] = {}

    def on_gateways(self, changes: Changes[Gateway]) -> None:
        self._gateways |= changes.upserts
        for key in changes.deletes:
            del self._gateways[key]
        for key in sorted(changes.upserts.keys() | changes.deletes):
            self._publish_listeners(key)
            self._publish_routes(key)

    def on_tls_hosts(self, changes: Changes[TlsHost]) -> None:
        touched = set()
        for key in changes.deletes:
            gateway, _, host = key.partition("/")
            del self._tls[gateway][host]
            touched.add(gateway)
        for one in changes.upserts.values():
            self._tls.setdefault(one.gateway, {})[one.host] = one
            touched.add(one.gateway)
        for gateway in sorted(touched):
            self._publish_listeners(gateway)
            self._publish_routes(gateway)

    def on_virtual_hosts(self, changes: Changes[VirtualHost]) -> None:
        touched = set()
        for key in changes.deletes:
            gateway, scheme, host = key.split("/", 2)
            del self._hosts[gateway, scheme][host]
            touched.add((gateway, scheme))
        for one in changes.upserts.values():
            self._hosts.setdefault((one.gateway, one.scheme), {})[one.host] = routes.host_fragment(one)
            touched.add((one.gateway, one.scheme))
        for gateway, scheme in sorted(touched):
            self._publish_routes(gateway, [Scheme(scheme)])

    def _publish_listeners(self, gateway: str) -> None:
        one = self._gateways.get(gateway)
        wanted = (
            []
            if one is None
            else listeners.http_listeners(one) + listeners.https_listeners(one, self._tls.get(gateway, {}))
        )
        self._exchange(listeners.TYPE_URL, self._listeners.setdefault(gateway, set()), wanted, keep=())

    def _publish_routes(self, gateway: str, schemes: Iterable[Scheme] = tuple(Scheme)) -> None:
        """Of the given schemes; the others stay as they are."""
        schemes = tuple(schemes)
        published = self._routes.setdefault(gateway, set())
        names = {listeners.routes_name(gateway, scheme) for scheme in schemes}
        wanted = [self._routes_of(gateway, scheme) for scheme in schemes if self._is_used(gateway, scheme)]
        self._exchange(routes.TYPE_URL, published, wanted, keep=published - names)

    def _is_used(self, gateway: str, scheme: Scheme) -> bool:
        """Whether a listener refers to the routes of this scheme."""
        if gateway not in self._gateways:
            return False
        return scheme is Scheme.HTTP or any(host.certificates for host in self._tls.get(gateway, {}).values())

    def _routes_of(self, gateway: str, scheme: Scheme) -> Resource:
        hosts = self._hosts.get((gateway, scheme), {})
        ordered = (hosts[host] for host in sorted(hosts))
        return routes.route_configuration(
            listeners.routes_name(gateway, scheme), ordered, self._gateways[gateway].origins
        )

    def _exchange(self, type_url: str, published: set[str], wanted: list[Resource], keep: Iterable[str]) -> None:
        names = {resource.name for resource in wanted}
        gone = published - names - set(keep)
        self._cache.apply(wanted, [(type_url, name) for name in sorted(gone)])
        published -= gone
        published |= names
