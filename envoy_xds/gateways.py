"""Gateways, TLS hosts and virtual hosts → listeners and routes, which are made of many rows; only what changed is made again.

They are wanted while their gateway is there, and routes while a listener uses them: what no proxy asks for, nobody acknowledges.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial

from envoy_xds.attempts import Attempts
from envoy_xds.listeners import TYPE_URL as LISTENERS
from envoy_xds.listeners import http_listeners, https_listeners, routes_name
from envoy_xds.resource import Fragment, Resource
from envoy_xds.routes import host_fragment, is_wildcard, route_configuration
from operators.ir.refs import ObjectRef
from operators.ir.routes import ANY_HOST, Gateway, Scheme, TlsHost, VirtualHost


class Hosts:
    """The virtual hosts of one RouteConfiguration, encoded."""

    def __init__(self, attempts: Attempts, place: tuple[str, Scheme]) -> None:
        self._attempts = attempts
        self._place = place
        self._fragments: dict[str, Fragment] = {}
        self._wildcards: dict[str, VirtualHost] = {}
        self._any_host: VirtualHost | None = None

    def put(self, host: VirtualHost) -> None:
        if host.host == ANY_HOST:
            self._exchange_any(host)
        elif is_wildcard(host.host):
            self._wildcards[host.host] = host
        self._encode(host, self._any_host)

    def drop(self, name: str) -> None:
        self._attempts.forget((self._place, name))
        self._fragments.pop(name, None)
        self._wildcards.pop(name, None)
        if name == ANY_HOST:
            self._exchange_any(None)

    def resource(self, name: str, origins: frozenset[ObjectRef]) -> Resource:
        return route_configuration(name, (self._fragments[host] for host in sorted(self._fragments)), origins)

    def _exchange_any(self, host: VirtualHost | None) -> None:
        """Wildcards end with what any host serves."""
        self._any_host = host
        for wildcard in self._wildcards.values():
            self._encode(wildcard, host)

    def _encode(self, host: VirtualHost, any_host: VirtualHost | None) -> None:
        place = self._place, host.host
        made = self._attempts.make(place, host.origins, lambda: host_fragment(host, any_host))
        if made is not None:
            self._fragments[host.host] = made


class Gateways:
    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._gateways: dict[str, Gateway] = {}
        self._tls: defaultdict[str, dict[str, TlsHost]] = defaultdict(dict)
        self._hosts: dict[tuple[str, Scheme], Hosts] = {}
        self._listeners_due: set[str] = set()
        self._routes_due: set[tuple[str, Scheme]] = set()
        self._listeners: defaultdict[str, frozenset[str]] = defaultdict(frozenset)

    def gateways_changed(self, upserts: Mapping[str, Gateway], deletes: AbstractSet[str]) -> None:
        self._gateways |= upserts
        for key in deletes:
            del self._gateways[key]
        self._touch(upserts.keys() | deletes)

    def tls_hosts_changed(self, upserts: Mapping[str, TlsHost], deletes: AbstractSet[str]) -> None:
        for key in deletes:
            gateway, _, host = key.partition("/")
            del self._tls[gateway][host]
            self._touch({gateway})
        for one in upserts.values():
            self._tls[one.gateway][one.host] = one
            self._touch({one.gateway})

    def virtual_hosts_changed(self, upserts: Mapping[str, VirtualHost], deletes: AbstractSet[str]) -> None:
        for key in deletes:
            gateway, scheme, host = key.split("/", 2)
            self._hosts_of(gateway, Scheme(scheme)).drop(host)
            self._routes_due.add((gateway, Scheme(scheme)))
        for one in upserts.values():
            self._hosts_of(one.gateway, one.scheme).put(one)
            self._routes_due.add((one.gateway, one.scheme))

    def listeners(self) -> Iterator[tuple[str, Resource | None]]:
        """By name, what listeners are now where that may have changed; None where there is none any more."""
        due, self._listeners_due = sorted(self._listeners_due), set()
        for name in due:
            origins = self._gateways[name].origins if name in self._gateways else frozenset()
            made = self._attempts.make((LISTENERS, name), origins, partial(self._listeners_of, name))
            if made is None:
                continue
            wanted = {one.name: one for one in made}
            yield from dict.fromkeys(sorted(self._listeners[name] - wanted.keys())).items()
            yield from wanted.items()
            self._listeners[name] = frozenset(wanted)

    def routes(self) -> Iterator[tuple[str, Resource | None]]:
        """As `listeners`."""
        due, self._routes_due = sorted(self._routes_due), set()
        for gateway, scheme in due:
            name = routes_name(gateway, scheme)
            used = self._is_used(gateway, scheme)
            hosts = self._hosts_of(gateway, scheme)
            yield name, hosts.resource(name, self._gateways[gateway].origins) if used else None

    def _hosts_of(self, gateway: str, scheme: Scheme) -> Hosts:
        place = gateway, scheme
        if place not in self._hosts:
            self._hosts[place] = Hosts(self._attempts, place)
        return self._hosts[place]

    def _touch(self, gateways: Iterable[str]) -> None:
        for gateway in gateways:
            self._listeners_due.add(gateway)
            self._routes_due |= {(gateway, scheme) for scheme in Scheme}

    def _listeners_of(self, name: str) -> list[Resource]:
        gateway = self._gateways.get(name)
        return http_listeners(gateway) + https_listeners(gateway, self._tls[name].values()) if gateway else []

    def _is_used(self, gateway: str, scheme: Scheme) -> bool:
        """Whether a listener refers to the routes of this scheme."""
        if gateway not in self._gateways:
            return False
        return scheme is Scheme.HTTP or any(host.certificates for host in self._tls[gateway].values())
