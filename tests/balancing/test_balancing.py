"""What an agent writes into the maps for its node: whatever changes, restarts or does not fit, clients get what the choice says."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.fake import FakeMap
from bpf.kernel import MapFullError
from bpf.maps.layout import address_bytes, address_of, port_of
from bpf.maps.services import BACKEND, FRONTEND, FRONTEND_KEY, MEMBER_KEY, SLOT_KEY
from bpf.service_maps import ServiceMaps
from operators.ir.refs import ObjectRef, Origin
from operators.ir.services import Backend, Family, Frontend, Place, Policy, Protocol, Scope, ServicePort, State
from operators.node_agent.balancing import Balancing
from operators.services.choice import choose

PLACE = Place("node-a", "zone-1", ("192.0.2.10", "2001:db8::10"))
NAMES = ["a", "b", "c"]


class Maps:
    def __init__(self, room: int = 1000) -> None:
        self.frontends = FakeMap(FRONTEND_KEY.size, FRONTEND.size, room)
        self.slots = FakeMap(SLOT_KEY.size, BACKEND.size, room)
        self.members = FakeMap(MEMBER_KEY.size, BACKEND.size, room)
        self.all = ServiceMaps(self.frontends, self.slots, self.members)

    def resolve(self) -> dict[str, list[str]]:
        """What clients find: frontend → where its backends are."""
        found = {}
        for key, value in self.frontends.items():
            asked, head = FRONTEND_KEY.unpack(key), FRONTEND.unpack(value)
            slots = [
                self.slots.get(SLOT_KEY.pack(service=head.number("service"), slot=at))
                for at in range(head.number("count"))
            ]
            assert None not in slots
            name = f"{address_of(asked.data('address'))}:{port_of(asked.data('port'))}/{asked.number('protocol')}"
            found[name] = sorted(place(one) for one in slots if one)
        return found


def place(value: bytes) -> str:
    found = BACKEND.unpack(value)
    return f"{address_of(found.data('address'))}:{port_of(found.data('port'))}"


def service(name: str, *frontends: Frontend, backends: Iterable[Backend] = ()) -> ServicePort:
    ref = ObjectRef("Service", "shop", name)
    return ServicePort(ref, "", 80, Protocol.TCP, Family.IPV4, tuple(frontends), tuple(sorted(backends)))


def frontend(address: str, scope: Scope = Scope.CLUSTER_IP, port: int = 80, **more) -> Frontend:
    return Frontend(address, port, Protocol.TCP, scope, Origin(ObjectRef("Service", "shop", "web"), ""), **more)


def backend(number: int, node: str = "node-a", **more) -> Backend:
    return Backend(f"10.1.0.{number}", 8080, Protocol.TCP, node=node, **more)


def test_cluster_addresses_and_node_ports_are_served_at_the_nodes_own_addresses():
    maps = Maps()
    Balancing(maps.all, PLACE, choose).start(
        [service("a", frontend("10.96.0.1"), frontend("0.0.0.0", Scope.NODE_PORT, 30080), backends=[backend(1)])]
    )
    assert maps.resolve() == {"10.96.0.1:80/6": ["10.1.0.1:8080"], "192.0.2.10:30080/6": ["10.1.0.1:8080"]}


def test_a_local_policy_has_the_nodes_own_backends_and_refuses_without():
    maps = Maps()
    local = frontend("10.96.0.2", inside=Policy.LOCAL)
    balancing = Balancing(maps.all, PLACE, choose)
    balancing.start([service("a", frontend("10.96.0.1"), local, backends=[backend(1), backend(2, "node-b")])])
    assert maps.resolve() == {
        "10.96.0.1:80/6": ["10.1.0.1:8080", "10.1.0.2:8080"],
        "10.96.0.2:80/6": ["10.1.0.1:8080"],
    }
    balancing.change([service("a", frontend("10.96.0.1"), local, backends=[backend(2, "node-b")])])
    assert maps.resolve()["10.96.0.2:80/6"] == []


def test_where_a_flow_should_meet_silence_there_is_no_frontend():
    maps = Maps()
    external = frontend("198.51.100.1", Scope.LOAD_BALANCER, inside=Policy.LOCAL)
    Balancing(maps.all, PLACE, choose).start([service("a", external, backends=[backend(2, "node-b")])])
    assert maps.resolve() == {}


ports = st.builds(
    lambda name, backs, local, affinity, terminating: service(
        name,
        frontend(f"10.96.0.{NAMES.index(name)}", inside=Policy.LOCAL if local else Policy.CLUSTER, affinity=affinity),
        frontend("0.0.0.0", Scope.NODE_PORT, 30000 + NAMES.index(name)),
        backends=[
            backend(n, f"node-{'ab'[n % 2]}", state=State.TERMINATING if n in terminating else State.ACTIVE)
            for n in backs
        ],
    ),
    st.sampled_from(NAMES),
    st.sets(st.integers(1, 6)),
    st.booleans(),
    st.sampled_from([0, 600]),
    st.sets(st.integers(1, 6), max_size=2),
)
steps = st.lists(st.one_of(ports, st.sampled_from(NAMES)), max_size=12)


@given(steps, st.integers(0, 12))
def test_after_any_changes_and_a_restart_the_maps_say_what_a_new_agent_would_write(script, restart: int):
    maps, wanted = Maps(), {}
    balancing = Balancing(maps.all, PLACE, choose)
    balancing.start([])
    for number, step in enumerate(script):
        if number == restart:
            balancing = Balancing(maps.all, PLACE, choose)
            assert balancing.start(wanted.values()) == 0, "an agent that comes back writes nothing"
        if isinstance(step, str):
            key = service(step).key
            wanted.pop(key, None)
            balancing.change([], [key])
        else:
            wanted[step.key] = step
            balancing.change([step])

    fresh = Maps()
    Balancing(fresh.all, PLACE, choose).start(wanted.values())
    assert maps.resolve() == fresh.resolve()
    assert [len(dict(one.items())) for one in (maps.slots, maps.members)] == [
        len(dict(one.items())) for one in (fresh.slots, fresh.members)
    ]


@given(steps, st.integers(1, 8))
def test_what_does_not_fit_is_refused_and_costs_nobody_anything(script, room: int):
    maps = Maps(room)
    balancing = Balancing(maps.all, PLACE, choose)
    balancing.start([])
    for step in script:
        before = maps.all.read()
        try:
            if isinstance(step, str):
                balancing.change([], [service(step).key])
            else:
                balancing.change([step])
        except MapFullError:
            assert maps.all.read() == before


def test_a_number_is_not_given_to_another_while_a_stale_entry_has_it():
    """An agent that comes back to other services: at no step may an old address lead to a new service's backends."""
    maps = Maps()
    Balancing(maps.all, PLACE, choose).start([service("a", frontend("10.96.0.1"), backends=[backend(1)])])
    (old,) = [FRONTEND.unpack(value).number("service") for _, value in maps.frontends.items()]

    Balancing(maps.all, PLACE, choose).start([service("b", frontend("10.96.0.2"), backends=[backend(2)])])

    ((key, value),) = maps.frontends.items()
    assert FRONTEND_KEY.unpack(key).data("address") == address_bytes(
        address_of(bytes(12)[:10] + b"\xff\xff" + bytes([10, 96, 0, 2]))
    )
    assert FRONTEND.unpack(value).number("service") != old


@pytest.mark.parametrize("protocol", [Protocol.SCTP])
def test_what_the_hooks_do_not_see_is_left_alone(protocol: Protocol):
    maps = Maps()
    ref = ObjectRef("Service", "shop", "a")
    one = Frontend("10.96.0.1", 80, protocol, Scope.CLUSTER_IP, Origin(ref, ""))
    Balancing(maps.all, PLACE, choose).start([ServicePort(ref, "", 80, protocol, Family.IPV4, (one,))])
    assert maps.resolve() == {}
