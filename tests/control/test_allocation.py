"""Who may hold addresses, what pools say then, and what each node's agent is told."""

from datetime import UTC, datetime

from crds.core import Node
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from envoy_xds.cache import Views
from envoy_xds.events import Connected, Disconnected
from operators.collections import Changes
from operators.controller.allocation import allocate
from operators.controller.node_resources import TYPE_URL, NodeResources
from operators.controller.presence import Presence
from operators.ir.addresses import AddressAssignment
from operators.node_api.node_pb2 import Address
from operators.status.documents import Written, own_patch

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def node(name: str) -> Node:
    return Node.parse({"metadata": {"name": name}})


def pool(*allocations: dict[str, str], cidr: str = "192.0.2.0/30") -> LoadBalancerIPPool:
    body = {"metadata": {"name": "pool", "generation": 2}, "spec": {"blocks": [{"cidr": cidr}]}}
    return LoadBalancerIPPool.parse(body | {"status": {"allocations": list(allocations)}})


def held_by(name: str) -> dict[str, str]:
    return {"address": "192.0.2.0", "owner": "shared", "node": name}


NODES = [node("a"), node("b")]


def nodes_of(given: LoadBalancerIPPool, ready: set[str], nodes: list[Node] = NODES) -> list[str]:
    return [one.node for one in allocate([given], nodes, ["shared"], ready).plan.assignments]


def test_a_ready_node_gets_the_address_and_keeps_it() -> None:
    assert nodes_of(pool(), {"a"}) == ["a"]
    assert nodes_of(pool(held_by("a")), {"a", "b"}) == ["a"]


def test_an_address_moves_from_a_node_that_left() -> None:
    assert nodes_of(pool(held_by("a")), {"b"}) == ["b"]


def test_where_nobody_is_heard_addresses_stay_where_they_are() -> None:
    assert nodes_of(pool(held_by("a")), set()) == ["a"]
    assert nodes_of(pool(held_by("a")), set(), [node("b")]) == [""], "a node that is no more holds nothing"


def test_a_pool_says_what_it_gave_and_why_not() -> None:
    found = allocate([pool()], NODES, ["shared"], {"a"}).desired("pool", Written(), NOW)
    patch = own_patch(Written(), found)
    assert patch is not None
    status = patch["status"]

    assert status["allocations"] == [held_by("a")]
    assert (status["total"], status["used"], status["observedGeneration"]) == ("4", 1, 2)
    assert status["conditions"][0]["type"] == "Accepted"

    broken = allocate([pool(cidr="nonsense")], NODES, ["shared"], {"a"}).desired("pool", Written(), NOW)

    assert not broken.conditions[0].status
    assert "nonsense" in broken.conditions[0].message


def test_a_node_is_ready_with_a_proxy_and_an_agent_until_some_time_after_they_left() -> None:
    now = 0.0
    presence = Presence(30, lambda: now)
    presence.handle(Connected("envoy/a/1", "ingress", "a"))
    assert presence.serving() == {"a"}
    assert presence.ready() == frozenset()

    presence.handle(Connected("agent/a/1", "node/a", "a"))
    assert presence.ready() == {"a"}

    presence.handle(Disconnected("envoy/a/1"))
    now = 29.0
    assert presence.ready() == {"a"}
    now = 30.0
    assert presence.ready() == frozenset()


def assignment(address: str, name: str) -> AddressAssignment:
    return AddressAssignment(address, "shared", "pool", name, "eth1")


def addresses(views: Views, name: str) -> list[str]:
    return sorted(views.cache(f"node/{name}").entries(TYPE_URL))


def test_each_agent_is_told_its_own_addresses_only() -> None:
    views = Views()
    tell = NodeResources(views)
    tell(Changes({"192.0.2.1": assignment("192.0.2.1", "a"), "192.0.2.2": assignment("192.0.2.2", "b")}))
    assert addresses(views, "a") == ["192.0.2.1"]
    entry = views.cache("node/a").entries(TYPE_URL)["192.0.2.1"]
    assert Address.FromString(entry.resource.body()) == Address(address="192.0.2.1", interface="eth1", owner="shared")

    tell(Changes({"192.0.2.1": assignment("192.0.2.1", "b")}))
    assert (addresses(views, "a"), addresses(views, "b")) == ([], ["192.0.2.1", "192.0.2.2"])

    tell(Changes({"192.0.2.1": assignment("192.0.2.1", "")}, {"192.0.2.2"}))
    assert addresses(views, "b") == []
