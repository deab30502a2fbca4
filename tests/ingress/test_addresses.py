"""Which address a gateway gets and who holds it: stable, and moved only for a reason."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crds.core import Node
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.ingress.addresses import plan_addresses
from operators.ingress.pools import pool_of
from operators.ir.addresses import AddressAssignment
from operators.ir.problems import Reason

NODES = ("node-a", "node-b", "node-c")


def node(name, **labels):
    return Node.parse({"metadata": {"name": name, "labels": labels}})


def pool(name, *blocks, born=1, nodes=NODES, **spec):
    given = LoadBalancerIPPool.parse(
        {
            "metadata": {"name": name, "creationTimestamp": datetime(2026, 1, born, tzinfo=UTC)},
            "spec": {"blocks": [{"cidr": block} if isinstance(block, str) else block for block in blocks]} | spec,
        }
    )
    made, problems = pool_of(given, [node(one) if isinstance(one, str) else one for one in nodes])
    assert problems == ()
    return made


def held(address, owner="shared", on="node-a", pool="main"):
    return AddressAssignment(address, owner, pool, on)


def plan(pools, owners=("shared",), ready=NODES, current=()):
    return plan_addresses(pools, owners, ready, current)


def addresses(made):
    return {one.owner: one.address for one in made.assignments}


def test_the_lowest_address_of_a_network_is_given_first_and_all_can_be_used():
    made = plan([pool("main", "192.0.2.0/31")], ["a", "b", "c"])

    assert addresses(made) == {"a": "192.0.2.0", "b": "192.0.2.1"}
    assert [problem.ref.name for problem in made.problems] == ["c"]
    assert "no IPv4 address is free" in made.problems[0].message


def test_what_is_held_stays_on_its_node_though_another_would_be_chosen_now():
    pools = [pool("main", "192.0.2.0/28")]
    for on in NODES:
        made = plan(pools, current=[held("192.0.2.9", on=on)])

        assert made.assignments == (held("192.0.2.9", on=on),)


def test_an_address_moves_when_its_node_is_not_ready_and_does_not_move_back():
    pools = [pool("main", "192.0.2.0/28")]
    moved = plan(pools, ready=("node-b", "node-c"), current=[held("192.0.2.0", on="node-a")]).assignments

    assert moved[0].node in {"node-b", "node-c"}
    assert plan(pools, current=moved).assignments == moved


def test_without_a_ready_node_the_address_is_kept_and_said():
    made = plan([pool("main", "192.0.2.0/28")], ready=(), current=[held("192.0.2.0")])

    assert made.assignments == (held("192.0.2.0", on=""),)
    assert "none of its nodes has a ready proxy and agent" in made.problems[0].message


def test_only_nodes_that_the_selector_admits_hold_an_address():
    nodes = [node("node-a"), node("node-b", edge="yes")]
    chosen = pool("main", "192.0.2.0/28", nodes=nodes, nodeSelector={"matchLabels": {"edge": "yes"}}, interface="eth1")
    nobody = pool("main", "192.0.2.0/28", nodes=nodes, nodeSelector={"matchLabels": {"edge": "no"}})

    assert plan([chosen], current=[held("192.0.2.0", on="node-a")]).assignments == (
        AddressAssignment("192.0.2.0", "shared", "main", "node-b", "eth1"),
    )
    assert "no node matches its nodeSelector" in plan([nobody]).problems[0].message


def test_one_address_per_family_from_any_pool():
    made = plan(
        [pool("six", "2001:db8::/124", born=1), pool("four", {"start": "192.0.2.7", "stop": "192.0.2.8"}, born=2)]
    )

    assert [one.address for one in made.assignments] == ["192.0.2.7", "2001:db8::"]


def test_of_overlapping_pools_the_younger_gives_nothing_new_and_is_told():
    older = pool("older", "192.0.2.0/28", born=1)
    younger = pool("younger", "192.0.2.8/29", "198.51.100.0/28", born=2)
    made = plan([younger, older])

    assert addresses(made) == {"shared": "192.0.2.0"}
    assert [(one.ref.name, one.reason, one.field) for one in made.problems] == [
        ("younger", Reason.CONFLICT, "spec.blocks")
    ]
    assert "LoadBalancerIPPool older" in made.problems[0].message


def test_what_an_overlapping_pool_gave_already_stays():
    pools = [pool("older", "192.0.2.0/28", born=1), pool("younger", "192.0.2.8/29", "198.51.100.0/28", born=2)]

    assert addresses(plan(pools, current=[held("198.51.100.3", pool="younger")])) == {"shared": "198.51.100.3"}


def test_a_disabled_pool_keeps_what_it_gave_and_gives_nothing_new():
    pools = [pool("main", "192.0.2.0/28", disabled=True)]

    assert addresses(plan(pools, current=[held("192.0.2.3")])) == {"shared": "192.0.2.3"}
    assert "every LoadBalancerIPPool is disabled" in plan(pools).problems[0].message


def test_an_address_that_no_pool_has_any_more_is_exchanged():
    assert addresses(plan([pool("main", "198.51.100.0/28")], current=[held("192.0.2.3")])) == {"shared": "198.51.100.0"}


def test_without_pools_the_owner_is_told_what_to_create():
    made = plan([])

    assert made.assignments == ()
    assert [(str(one.ref), one.reason) for one in made.problems] == [("Gateway shared", Reason.NO_ADDRESS)]
    assert "there is no LoadBalancerIPPool; create one" in made.problems[0].message


def test_a_huge_pool_costs_no_more_than_what_is_used():
    assert addresses(plan([pool("main", "2001:db8::/32")], ["a", "b"])) == {"a": "2001:db8::", "b": "2001:db8::1"}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"cidr": "192.0.2.0/33"}, "is not a network"),
        ({"start": "192.0.2.9", "stop": "192.0.2.1"}, "must not be above"),
        ({"start": "192.0.2.9", "stop": "2001:db8::"}, "must be of one family"),
        ({"start": "192.0.2.9"}, "either cidr, or start and stop"),
        ({"start": "1.2.3", "stop": "1.2.3.4"}, "is not an IP address"),
    ],
)
def test_a_block_that_nobody_can_read_is_named(block, message):
    given = LoadBalancerIPPool.parse(
        {"metadata": {"name": "main"}, "spec": {"blocks": [{"cidr": "192.0.2.0/28"}, block]}}
    )
    made, problems = pool_of(given, [])

    assert len(made.blocks) == 1
    assert [(problem.field, message in problem.message) for problem in problems] == [("spec.blocks[1]", True)]


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.sampled_from(NODES)), max_size=6),
    st.sets(st.sampled_from(NODES)),
    st.sets(st.sampled_from("abcd")),
)
def test_a_plan_is_stable_and_gives_no_address_twice(current, ready, owners):
    pools = [pool("main", "192.0.2.0/30"), pool("six", "2001:db8::/126", born=2)]
    before = [held(f"192.0.2.{number}", owner, on) for owner, number, on in current]
    made = plan(pools, owners, ready, before)

    assert plan(pools, owners, ready, made.assignments) == made
    assert len({one.address for one in made.assignments}) == len(made.assignments)
    assert all(one.node in ready or not one.node for one in made.assignments)


def test_a_node_that_leaves_moves_only_its_own():
    pools = [pool("main", "192.0.2.0/24")]
    owners = [f"gateway-{number:02}" for number in range(60)]
    before = plan(pools, owners).assignments
    after = plan(pools, owners, ready=("node-a", "node-b")).assignments

    assert {one.node for one in before} == set(NODES)
    assert [new for old, new in zip(before, after, strict=True) if old.node != "node-c"] == [
        old for old in before if old.node != "node-c"
    ]
