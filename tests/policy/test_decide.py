"""`decide` agrees with the documentation of NetworkPolicy, read a second time, and does not mind the order of policies."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from operators.ir.policy import Decision, Direction, Judgement, Mode, Policy, Verdict, decide
from operators.ir.refs import Origin
from tests.policy import reference
from tests.policy.strategies import (
    NETWORK_POLICIES,
    NODES,
    NUMBERS,
    OUTSIDE,
    POLICIES,
    PROTOCOLS,
    Object,
    clusters,
    distinct,
)
from tests.policy.world import World, key_of, packet

EGRESS, INGRESS = Direction.EGRESS, Direction.INGRESS
OFTEN = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(cluster: list[Object]) -> dict[str, reference.Place]:
    """Every end by the name that it has in a World."""
    pods = {
        key_of(body["metadata"]): reference.Place(
            body["address"], body, body["spec"]["nodeName"] if body["spec"].get("hostNetwork") else None
        )
        for body in cluster
        if body["kind"] == "Pod"
    }
    nodes = {name: reference.Place(address, node=name) for name, address in NODES.items()}
    return pods | nodes | {address: reference.Place(address) for address in OUTSIDE}


PORTS = st.one_of(st.just(("ICMP", 0)), st.tuples(st.sampled_from([*PROTOCOLS, "TCP"]), st.sampled_from(NUMBERS)))
TWO_PORTS = st.lists(PORTS, min_size=2, max_size=2)


def questions(cluster: list[Object], ports: list[tuple[str, int]]) -> Iterator[tuple[str, str, str, int]]:
    """Every pod to and from everything, at each of the ports."""
    pods = [key_of(body["metadata"]) for body in cluster if body["kind"] == "Pod"]
    for one, other, port in product(pods, [*pods, *NODES, *OUTSIDE], ports):
        yield one, other, *port
        yield other, one, *port


@OFTEN
@given(clusters(), st.lists(NETWORK_POLICIES, min_size=1, max_size=4).map(distinct), TWO_PORTS)
def test_network_policies_mean_what_the_documentation_says(cluster, policies, ports):
    world = World.of([*cluster, *policies])
    namespaces = {body["metadata"]["name"]: body for body in cluster if body["kind"] == "Namespace"}
    known = places(cluster)
    for source, destination, protocol, port in questions(cluster, ports):
        decision = decide(world.policies, packet(world, source, destination, protocol, port))
        event(f"{decision.verdict}, {'by a policy' if decision.origin else 'by default'}")

        wanted = reference.allowed(policies, namespaces, known[source], known[destination], protocol, port)
        assert (decision.verdict is Verdict.ALLOW) is wanted


def enforced(policies: tuple[Policy, ...]) -> list[Policy]:
    return [replace(policy, mode=Mode.ENFORCE) for policy in policies]


@OFTEN
@given(clusters(), POLICIES, TWO_PORTS, st.randoms(use_true_random=False))
def test_the_order_of_policies_does_not_matter(cluster, policies, ports, random):
    world = World.of([*cluster, *policies])
    shuffled = random.sample(world.policies, len(world.policies))
    for question in questions(cluster, ports):
        one = packet(world, *question)
        decision = decide(world.policies, one)
        event(f"{decision.verdict}, {len(decision.audit)} findings, {len(decision.deciding.passed)} passed")

        assert decide(shuffled, one) == decision


@OFTEN
@given(clusters(), POLICIES, TWO_PORTS)
def test_audit_changes_nothing_and_says_what_would_be(cluster, policies, ports):
    world = World.of([*cluster, *policies])
    without_audit = [policy for policy in world.policies if policy.mode is Mode.ENFORCE]
    for question in questions(cluster, ports):
        one = packet(world, *question)
        decision = decide(world.policies, one)
        told = {finding.direction: finding.judgement for finding in decision.audit}

        assert replace(decision, audit=()) == decide(without_audit, one)
        assert Decision(told.get(EGRESS, decision.egress), told.get(INGRESS, decision.ingress)) == decide(
            enforced(world.policies), one
        )


@OFTEN
@given(clusters(), POLICIES, TWO_PORTS)
def test_who_had_no_say_can_go(cluster, policies, ports):
    """Without the policies that neither decided nor passed anything on, the others still decide the same."""
    world = World.of([*cluster, *policies])
    everything = enforced(world.policies)
    for question in questions(cluster, ports):
        one = packet(world, *question)
        decision = decide(everything, one)
        had_a_say = {origin.ref for judgement in (decision.egress, decision.ingress) for origin in origins(judgement)}

        assert decide([policy for policy in everything if policy.ref in had_a_say], one) == decision


def origins(judgement: Judgement) -> list[Origin]:
    return [origin for origin in (judgement.origin, *judgement.passed) if origin is not None]
