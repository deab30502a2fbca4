"""The wiring of policies: incremental equals rebuilt, the tables say what selectors mean, a change costs what it touches."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.ir.policy import (
    Account,
    ContainerPort,
    ExternalWorkloads,
    Labels,
    Operator,
    Pods,
    Protocol,
    Requirement,
    Selector,
    Workload,
)
from operators.ir.policy.identities import buckets, buckets_of, identity_name
from operators.ir.policy.matching import selects
from tests.policy.live import Live, name_of
from tests.policy.strategies import LABELS, NAMESPACES, POLICIES, pods
from tests.policy.world import World

SPACES = st.builds(
    lambda name, labels: {"kind": "Namespace", "metadata": {"name": name, "labels": labels}},
    st.sampled_from(NAMESPACES),
    LABELS,
)
PODS = st.integers(1, 4).flatmap(pods).filter(lambda body: "hostNetwork" not in body["spec"])
OBJECTS = st.one_of(SPACES.map(lambda one: [one]), st.lists(PODS, min_size=1, max_size=3), POLICIES)
STEPS = st.lists(st.tuples(OBJECTS, st.integers(0, 3)), min_size=1, max_size=8)
ROOM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def keep(there: dict, bodies: list, dice: int) -> list:
    """One step in four deletes; returns what is gone."""
    for body in bodies:
        there.pop(name_of(body), None)
        if dice:
            there[name_of(body)] = body
    return [] if dice else bodies


@ROOM
@given(STEPS)
def test_incremental_equals_rebuilt(steps):
    """Every step is a commit."""
    incremental = Live.of()
    there: dict = {}
    for bodies, dice in steps:
        for body in keep(there, bodies, dice):
            incremental.delete(body)
        incremental.set(*(bodies if dice else ()))
        incremental.commit()

        assert incremental.state() == Live.of(there.values()).state()


@ROOM
@given(STEPS)
def test_the_tables_say_what_selectors_mean(steps):
    """Compared with every selector asked about every workload."""
    there: dict = {}
    for bodies, dice in steps:
        keep(there, bodies, dice)
    for name in NAMESPACES:
        there.setdefault(("Namespace", name), {"kind": "Namespace", "metadata": {"name": name}})
    order = sorted(there.values(), key=lambda body: body["kind"] != "Namespace")
    node = {"kind": "Node", "metadata": {"name": "n1"}, "address": "192.168.0.1"}
    world = World.of([node, *order])
    tables = Live.of(there.values()).tables
    workloads = {identity_name(end.workload): end.workload for end in world.ends.values() if end.workload}

    assert {one.name: one.workload for one in tables.identities.values()} == workloads
    for selection in tables.selections.values():
        assert selection.identities == {
            name for name, workload in workloads.items() if selects(selection.subject, workload)
        }
    about = {
        name: {policy for policy in world.policies if any(selects(one, workload) for one in policy.subjects)}
        for name, workload in workloads.items()
    }
    assert {one.identity: set(one.policies) for one in tables.judged.values()} == {
        name: found for name, found in about.items() if found
    }


WORKLOADS = [
    Workload("a"),
    Workload("b"),
    Workload("a", frozenset({("app", "x")})),
    Workload("a", frozenset({("app", "y"), ("tier", "back")})),
    Workload("a", namespace_labels=frozenset({("app", "x")})),
    Workload("a", account="robot"),
    Workload("a", ports=frozenset({ContainerPort("web", Protocol.TCP, 80)})),
    Workload("a", ports=frozenset({ContainerPort("web", Protocol.UDP, 80)})),
    Workload("a", external=True),
]
TWO = Selector((Requirement("app", Operator.IN, ("x", "y")),))
SUBJECTS = [
    Pods(),
    Pods("a"),
    Pods("a", TWO),
    Pods(labels=TWO),
    Pods(Selector((Requirement("app", Operator.IN, ("x",)),))),
    Pods("a", Selector((Requirement("app", Operator.EXISTS), Requirement("tier", Operator.IN, ("back",))))),
    Pods("a", Selector((Requirement("app", Operator.NOT_IN, ("x",)),))),
    ExternalWorkloads("a"),
    Account("a", "robot"),
]


def test_who_can_be_told_apart_has_a_name_of_its_own():
    assert len({identity_name(workload) for workload in WORKLOADS}) == len(WORKLOADS)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_a_subject_matches_is_where_it_looks(subject):
    matched = [workload for workload in WORKLOADS if selects(subject, workload)]

    assert matched
    assert all(set(buckets(subject)) & set(buckets_of(workload)) for workload in matched)


def pod(name: str, namespace: str, app: str, address: str) -> dict:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"nodeName": "n1"},
        "address": address,
    }


def network_policy(namespace: str, app: str, port: int = 80) -> dict:
    peer = {"podSelector": {"matchLabels": {"app": f"{app}-client"}}}
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": app, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"app": app}},
            "ingress": [{"from": [peer, {"namespaceSelector": {}}], "ports": [{"port": port}]}],
        },
    }


@pytest.fixture
def many() -> Live:
    """Ten namespaces of ten apps, each with a policy and two pods; all let all pods in."""
    made = Live.of()
    for space in range(10):
        made.set({"kind": "Namespace", "metadata": {"name": f"ns{space}"}})
        for app in range(10):
            made.set(network_policy(f"ns{space}", f"app{app}"))
            for number in range(2):
                made.set(pod(f"app{app}-{number}", f"ns{space}", f"app{app}", f"10.{space}.{app}.{number}"))
    made.commit()
    return made


def changed(made: Live) -> dict[str, int]:
    """How many values of each table a commit changes."""
    seen: dict[str, int] = {}
    for name in made.tables.__slots__:
        first = [True]

        def count(changes, name=name, first=first):
            if not first:
                seen[name] = len(list(changes))

        getattr(made.tables, name).subscribe(count)
        first.clear()
    made.commit()
    return seen


def cost(made: Live) -> int:
    """The most that a commit recomputes of any collection."""
    before = {one.name: one.stats.recomputed for one in made.graph.collections}
    made.commit()
    return max(one.stats.recomputed - before[one.name] for one in made.graph.collections)


def test_a_pod_like_others_touches_its_address_only(many):
    many.set(pod("new", "ns3", "app3", "10.99.0.1"))

    assert changed(many) == {"locations": 1}


def test_a_pod_like_others_costs_the_same_among_many(many):
    many.set(pod("new", "ns3", "app3", "10.99.0.1"))

    assert cost(many) == 1


def test_a_pod_of_a_new_kind_touches_the_selectors_that_match_it(many):
    """The ones of its namespace by label, and the one that all have for all pods."""
    many.set(pod("new", "ns3", "app3-client", "10.99.0.1"))

    assert changed(many) == {"identities": 1, "locations": 1, "selections": 2}


def test_a_policy_touches_what_it_is_about(many):
    many.set(network_policy("ns3", "app3", port=81))

    assert changed(many) == {"readings": 1, "judged": 1}


def test_a_policy_costs_the_same_among_many(many):
    many.set(network_policy("ns3", "app3", port=81))

    assert cost(many) <= 2


def test_selectors_that_are_equal_are_one(many):
    everyone = [one for one in many.tables.selections.values() if one.subject.labels == Selector()]

    assert [len(one.identities) for one in everyone] == [100]


def test_a_policy_that_goes_takes_its_selectors_along(many):
    many.delete(network_policy("ns3", "app3"))

    assert changed(many) == {"readings": 1, "judged": 1, "selections": 2}


def test_a_namespaces_labels_are_its_pods(many):
    labels: Labels = frozenset({("stage", "prod"), ("kubernetes.io/metadata.name", "ns3")})
    many.set({"kind": "Namespace", "metadata": {"name": "ns3", "labels": {"stage": "prod"}}})
    many.commit()

    named = [one.workload for one in many.tables.identities.values() if one.workload.namespace == "ns3"]
    assert len(named) == 10
    assert all(workload.namespace_labels == labels for workload in named)
