"""The wiring: incremental equals rebuilt, and a change costs what it touches, among two thousand Services as among two."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.services.tables import Balance
from tests.services.strategies import ANY_OBJECT, NODES
from tests.services.world import World, world

STEPS = st.lists(st.lists(st.tuples(ANY_OBJECT, st.integers(0, 3)), min_size=1, max_size=4), min_size=1, max_size=6)
MANY = 2000


def key_of(body: dict) -> str:
    meta = body["metadata"]
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(STEPS)
def test_incremental_equals_rebuilt(steps):
    """One object in four is deleted again; every step is a commit."""
    incremental = World.of(*NODES)
    there: dict[tuple[str, str], dict] = {}
    for step in steps:
        for body, dice in step:
            key = (body["kind"], key_of(body))
            if dice == 0:
                there.pop(key, None)
                incremental.delete(*key)
            else:
                there[key] = body
                incremental.set(body)
        incremental.commit()

        assert incremental.state() == world(*there.values(), nodes=NODES).state()


def service(number: int, **spec) -> dict:
    return {
        "kind": "Service",
        "metadata": {"name": f"s-{number}", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "clusterIPs": [f"10.96.{number // 250}.{number % 250}"],
            "ports": [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}],
        }
        | spec,
    }


def endpoint_slice(number: int, *hosts: int) -> dict:
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"s-{number}-a",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": f"s-{number}"},
        },
        "ports": [{"name": "http", "port": 8080}, {"name": "dns", "port": 5353, "protocol": "UDP"}],
        "endpoints": [{"addresses": [f"10.{number // 250}.{number % 250}.{host}"], "nodeName": "n1"} for host in hosts],
    }


def node(name: str, zone: str, address: str = "192.168.0.1", **labels) -> dict:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone} | labels},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }


@pytest.fixture(scope="module")
def many() -> World:
    """As the node n1 has it. Tests change one Service each, and not the same."""
    objects = [one for number in range(MANY) for one in (service(number), endpoint_slice(number, 1, 2))]
    return world(*objects, node("n1", "a"), node("n2", "b"), nodes=("n1",))


def cost(made: World) -> dict[str, int]:
    """What a commit recomputes, by collection."""
    before = {one.name: one.stats.recomputed for one in made.graph.collections}
    made.commit()
    after = {one.name: one.stats.recomputed for one in made.graph.collections}
    return {name: count - before[name] for name, count in after.items() if count != before[name]}


def changed(made: World) -> dict[str, set[str]]:
    """What a commit changes, by table that all nodes share."""
    before = {name: set(getattr(made.balance, name).values()) for name in Balance.__slots__}
    made.commit()
    after = {name: set(getattr(made.balance, name).values()) for name in Balance.__slots__}
    touched = {name: {one.key for one in before[name] ^ after[name]} for name in before}
    return {name: keys for name, keys in touched.items() if keys}


def test_a_slice_costs_its_own_service_among_two_thousand(many):
    many.set(endpoint_slice(1000, 1, 2, 3))

    assert cost(many) == {
        "EndpointSlice": 1,
        "slice facts": 1,
        "service ports": 1,
        "choices of n1": 2,
    }


def test_a_slice_changes_the_ports_of_its_service_only(many):
    many.set(endpoint_slice(1001, 1))

    assert changed(many) == {"ports": {"default/s-1001:80/TCP/IPv4", "default/s-1001:53/UDP/IPv4"}}


def test_a_service_costs_itself(many):
    many.set(service(1002, sessionAffinity="ClientIP"))

    assert max(cost(many).values()) <= 2


def test_a_service_whose_labels_change_stops_at_once(many):
    body = service(1003)
    many.set(body | {"metadata": body["metadata"] | {"labels": {"a": "b"}}})

    assert cost(many) == {"Service": 1, "service facts": 1}


def test_an_address_that_two_ask_for_costs_these_two(many):
    many.set(service(1004, externalIPs=["198.51.100.1"]), service(1005, externalIPs=["198.51.100.1"]))
    many.commit()
    many.delete("Service", "default/s-1004")

    assert max(cost(many).values()) <= 4
    ports = many.balance.ports
    assert "198.51.100.1:80/TCP" in {one.key for one in ports.get("default/s-1005:80/TCP/IPv4").frontends}
    assert many.balance.problems.get("Service default/s-1005").problems == ()


def test_another_nodes_zone_costs_nothing_here(many):
    many.set(node("n2", "c"))

    assert cost(many) == {"Node": 1, "places": 1, "spot of n1": 1}


def test_a_nodes_own_addresses_and_labels_choose_nothing_anew(many):
    many.set(node("n1", "a", "192.168.0.9", colour="blue"))

    assert cost(many) == {"Node": 1, "places": 1, "spot of n1": 1}


def test_the_nodes_own_zone_chooses_anew():
    listed = endpoint_slice(1, 1, 2)
    for endpoint, zone in zip(listed["endpoints"], "ab", strict=True):
        endpoint["hints"] = {"forZones": [{"name": zone}]}
    made = world(service(1), listed, node("n1", "a"), nodes=("n1",))

    def chosen() -> list[str]:
        return [one.address for one in made.nodes["n1"].choices.get("default/s-1:80/TCP/IPv4").cluster]

    assert chosen() == ["10.0.1.1"]

    made.set(node("n1", "b"))
    made.commit()
    assert chosen() == ["10.0.1.2"]

    made.delete("Node", "n1")
    made.commit()
    assert chosen() == ["10.0.1.1", "10.0.1.2"]


def test_a_slice_of_a_headless_service_is_read_no_further():
    made = world({**service(1), "spec": {"clusterIPs": ["None"], "ports": [{"port": 80}]}})
    made.set(endpoint_slice(1, 1))

    assert cost(made) == {"EndpointSlice": 1, "slice facts": 1}


def test_slices_that_came_before_their_service():
    made = world(endpoint_slice(1, 1))
    made.set(service(1))
    made.commit()

    assert [len(port.backends) for port in made.balance.ports.values()] == [1, 1]


def test_a_place_is_a_nodes_zone_and_addresses():
    made = world(node("n1", "a"), {"kind": "Node", "metadata": {"name": "n2"}})

    assert [(one.node, one.zone, one.addresses) for one in made.balance.places.values()] == [
        ("n1", "a", ("192.168.0.1",)),
        ("n2", "", ()),
    ]
