"""ServicePorts and this node's place → services for the kernel's maps, with numbers that outlive the agent.

Served here are clients on the node itself, at the socket: ClusterIPs, external and load-balancer addresses, and node ports at
the node's own addresses. What is left to the packets' way in is in docs/limits.md.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from bpf.diff import Entries
from bpf.maps.layout import address_of, port_of
from bpf.maps.services import (
    BACKEND,
    FRONTEND,
    SLOT_KEY,
    Backend,
    Frontend,
    Protocol,
    Service,
    ServiceEntries,
    entries,
)
from bpf.numbers import Numbers
from bpf.service_maps import ServiceMaps
from operators.ir import services as ir
from operators.ir.services import NODE_ADDRESS, Choice, Empty, Place, Policy, ServicePort

Choose = Callable[[ServicePort, Place], Choice]
PROTOCOLS = {ir.Protocol.TCP: Protocol.TCP, ir.Protocol.UDP: Protocol.UDP}

Group = tuple[str, Policy, int]
"""What has the same backends and the same affinity: the key of a ServicePort, a policy, seconds."""

Parts = tuple[list[Frontend], tuple[ir.Backend, ...]]


class Balancing:
    """Every call costs what it is given, but the first, which looks at all that is in the maps."""

    def __init__(self, maps: ServiceMaps, place: Place, choose: Choose) -> None:
        self._maps = maps
        self._place = place
        self._choose = choose
        self._services: Numbers[Group] = Numbers()
        self._backends: Numbers[str] = Numbers()
        self._users: defaultdict[str, set[str]] = defaultdict(set)  # backend → ServicePorts that have it
        self._ports: dict[str, ServicePort] = {}
        self._entries: dict[str, ServiceEntries] = {}
        self._groups: dict[str, tuple[Group, ...]] = {}

    def start(self, ports: Iterable[ServicePort]) -> int:
        """Make the maps hold these and nothing else; what an agent before us wrote keeps its numbers. Returns the writes."""
        listed, found = list(ports), self._maps.read()
        self._adopt(listed, found)
        return self._maps.change(found, _union(self._wanted(port) for port in listed))

    def change(self, upserts: Iterable[ServicePort], deletes: Iterable[str] = ()) -> int:
        """Raises MapFullError; then what was there of that ServicePort is served on."""
        writes = 0
        for key in deletes:
            writes += self._maps.change(self._entries.pop(key, ServiceEntries()), ServiceEntries())
            self._forget(key)
        for port in upserts:
            before = self._entries.get(port.key, ServiceEntries())
            old = self._ports.get(port.key)
            after = self._wanted(port)
            try:
                writes += self._maps.change(before, after)
            except OSError:
                self._restore(port.key, old, before)
                raise
        return writes

    def _wanted(self, port: ServicePort) -> ServiceEntries:
        """Also notes it as what is in the maps from now on."""
        self._note_backends(port)
        groups = self._grouped(port)
        found = _union(entries(self._service(group, *parts)) for group, parts in groups.items())
        for gone in set(self._groups.get(port.key, ())) - groups.keys():
            self._services.release(gone)
        self._groups[port.key], self._entries[port.key], self._ports[port.key] = tuple(groups), found, port
        return found

    def _service(self, group: Group, frontends: Iterable[Frontend], chosen: Iterable[ir.Backend]) -> Service:
        backends = [Backend(ip_address(one.address), one.port, self._backends.of(one.key)) for one in chosen]
        return Service(self._services.of(group), tuple(frontends), tuple(backends), group[2])

    def _grouped(self, port: ServicePort) -> dict[Group, Parts]:
        """Frontends by what they lead to. Where a flow should meet silence there is no frontend."""
        protocol = PROTOCOLS.get(port.protocol)
        if protocol is None:
            return {}
        choice = self._choose(port, self._place)
        found: dict[Group, Parts] = {}
        for frontend in port.frontends:
            answer = choice.inside(frontend)
            if frontend.sources is not None or answer is Empty.DROP:
                continue
            chosen = () if isinstance(answer, Empty) else answer
            group = port.key, frontend.inside, frontend.affinity
            frontends, _ = found.setdefault(group, ([], chosen))
            frontends += [Frontend(ip_address(one), frontend.port, protocol) for one in self._addresses(frontend)]
        return found

    def _addresses(self, frontend: ir.Frontend) -> tuple[str, ...]:
        if frontend.address not in NODE_ADDRESS.values():
            return (frontend.address,)
        wide = ":" in frontend.address
        return tuple(one for one in self._place.addresses if (":" in one) == wide)

    def _note_backends(self, port: ServicePort) -> None:
        now, old = {one.key for one in port.backends}, self._ports.get(port.key)
        for key in now:
            self._users[key].add(port.key)
        for key in {one.key for one in old.backends} - now if old else ():
            self._leave(key, port.key)

    def _leave(self, backend: str, port: str) -> None:
        self._users[backend].discard(port)
        if not self._users[backend]:
            del self._users[backend]
            self._backends.release(backend)

    def _forget(self, key: str) -> None:
        old = self._ports.pop(key, None)
        for backend in {one.key for one in old.backends} if old else ():
            self._leave(backend, key)
        for group in self._groups.pop(key, ()):
            self._services.release(group)

    def _restore(self, key: str, old: ServicePort | None, before: ServiceEntries) -> None:
        """What the maps hold is what was there before."""
        if old is None:
            self._entries.pop(key, None)
            self._forget(key)
        else:
            self._wanted(old)
            self._entries[key] = before

    def _adopt(self, ports: Iterable[ServicePort], found: ServiceEntries) -> None:
        """Numbers of what is in the maps: a service's by one of its frontends, a backend's by where it is."""
        services = {key: FRONTEND.unpack(value).number("service") for key, value in found.frontends.items()}
        backends = _numbers_by_place(found.slots)
        for port in ports:
            for group, (frontends, chosen) in self._grouped(port).items():
                number = next((services[one.key()] for one in frontends if one.key() in services), 0)
                if not self._services.adopt(group, number):
                    continue
                for backend in chosen:
                    self._backends.adopt(backend.key, backends.get((number, backend.address, backend.port), 0))
        for number, _, _ in backends:
            self._services.skip(number)
        for number in backends.values():
            self._backends.skip(number)


def _numbers_by_place(slots: Entries) -> dict[tuple[int, str, int], int]:
    """(service, address, port) → the backend's number."""
    found = {}
    for key, value in slots.items():
        service, backend = SLOT_KEY.unpack(key).number("service"), BACKEND.unpack(value)
        address = str(address_of(backend.data("address")))
        found[service, address, port_of(backend.data("port"))] = backend.number("id")
    return found


def _union(parts: Iterable[ServiceEntries]) -> ServiceEntries:
    frontends: dict[bytes, bytes] = {}
    slots: dict[bytes, bytes] = {}
    members: dict[bytes, bytes] = {}
    for one in parts:
        frontends |= one.frontends
        slots |= one.slots
        members |= one.members
    return ServiceEntries(frontends, slots, members)
