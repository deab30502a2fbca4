"""Who answers on a node, against a reference that asks endpoint by endpoint."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.ir.services import Choice, Empty, Scope, ServicePort
from tests.services import reference
from tests.services.strategies import NODES, ZONES, services, slices
from tests.services.world import World, world

X = st.just("x")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def node(name, zone):
    return {"kind": "Node", "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": zone} if zone else {}}}


def text(answer):
    return answer.value if isinstance(answer, Empty) else frozenset(one.key.rpartition("/")[0] for one in answer)


def answers(port: ServicePort, choice: Choice) -> dict:
    """As the reference says it; frontends of one kind must agree."""
    found: dict = {}
    for one in port.frontends:
        inside, outside = text(choice.inside(one)), text(choice.outside(one))
        if one.scope is Scope.CLUSTER_IP:
            assert inside == outside
            found.setdefault("cluster", set()).add(inside)
        else:
            found.setdefault("inside", set()).add(inside)
            found.setdefault("outside", set()).add(outside)
    assert all(len(kinds) == 1 for kinds in found.values())
    return {kind: next(iter(kinds)) for kind, kinds in found.items()}


@st.composite
def worlds(draw):
    """One Service, its slices (by name), and a zone for each node."""
    listed = draw(st.lists(slices(X), max_size=4, unique_by=lambda one: one["metadata"]["name"]))
    zones = {name: draw(st.sampled_from(["", *ZONES])) for name in NODES}
    return draw(services(X)), listed, zones


def made(service, listed, zones) -> World:
    return world(service, *listed, *(node(*item) for item in zones.items()), nodes=NODES)


@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
@given(worlds())
def test_the_choice_is_the_references(drawn):
    service, listed, zones = drawn
    one = made(*drawn)
    for name, tables in one.nodes.items():
        expected = reference.answers(service, listed, name, zones[name])
        found = {}
        for port in one.balance.ports.values():
            found[port.port, port.protocol.value, port.family.value] = answers(port, tables.choices.get(port.key))

        assert found.keys() == expected.keys()
        for key, shown in found.items():
            assert shown == {kind: expected[key][kind] for kind in shown}


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(worlds())
def test_a_health_check_counts_the_nodes_own_pods(drawn):
    service, listed, _ = drawn
    spec = service["spec"]
    asked = spec["type"] == "LoadBalancer" and spec["externalTrafficPolicy"] == "Local" and spec["healthCheckNodePort"]
    one = made(*drawn)
    for name, tables in one.nodes.items():
        expected = {
            (family, spec["healthCheckNodePort"], reference.local_pods(service, listed, name, family))
            for family in reference.families(service)
            if asked
        }

        assert {(check.family.value, check.port, check.local) for check in tables.health_checks.values()} == expected


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(worlds())
def test_nobody_is_left_without_while_there_is_one(drawn):
    """Hints and zones may narrow, never empty; and who is chosen is among the backends."""
    one = made(*drawn)
    for tables in one.nodes.values():
        for port in one.balance.ports.values():
            choice = tables.choices.get(port.key)

            assert bool(choice.cluster) == bool(port.backends)
            assert {*choice.cluster, *choice.local} <= set(port.backends)
