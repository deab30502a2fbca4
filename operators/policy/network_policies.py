"""A NetworkPolicy → the IR. Semantics: https://kubernetes.io/docs/concepts/services-networking/network-policies/

It isolates the pods that it selects in the directions that it is about, and each rule allows something. Absent and empty
lists of peers or ports are no restriction; an empty list of rules allows nothing.
"""

from collections.abc import Iterator, Sequence

from crds.network_policy import (
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    NetworkPolicySpec,
)
from operators.ir.policy import (
    Action,
    Direction,
    NamedPort,
    Peer,
    Pods,
    Policy,
    Port,
    PortRange,
    Protocol,
    Rule,
)
from operators.ir.problems import Report
from operators.ir.refs import ObjectRef, Origin
from operators.policy.reading import PEERS, Reading, cidr_of, reading
from operators.policy.selectors import selector, selector_or_all


def network_policy(given: NetworkPolicy) -> Reading:
    spec, meta = given.spec, given.metadata
    report = Report(ObjectRef("NetworkPolicy", meta.namespace, meta.name))
    directions = directions_of(spec)
    rules: list[Rule] = []
    if Direction.INGRESS in directions:
        rules += _rules(Direction.INGRESS, spec.ingress, report)
    if Direction.EGRESS in directions:
        rules += _rules(Direction.EGRESS, spec.egress, report)
    policy = Policy(
        ref=report.ref,
        subjects=(Pods(meta.namespace, selector(spec.pod_selector)),),
        rules=tuple(rules),
        isolates=directions,
    )
    return reading(report, policy, meta.generation)


def directions_of(spec: NetworkPolicySpec) -> frozenset[Direction]:
    """Without policyTypes, always ingress, and egress if there is a rule for it."""
    if spec.policy_types:
        return frozenset(Direction(one.lower()) for one in spec.policy_types)
    return frozenset(Direction) if spec.egress else frozenset({Direction.INGRESS})


def _rules(
    direction: Direction,
    given: Sequence[NetworkPolicyIngressRule | NetworkPolicyEgressRule],
    report: Report,
) -> Iterator[Rule]:
    for at, rule in enumerate(given):
        field = f"spec.{direction}[{at}]"
        yield Rule(
            direction,
            Action.ALLOW,
            Origin(report.ref, field),
            peers=tuple(_peers(rule.peers, f"{field}.{PEERS[direction]}", report)) if rule.peers else None,
            ports=tuple(_ports(rule.ports)) if rule.ports else None,
        )


def _peers(given: Sequence[NetworkPolicyPeer], field: str, report: Report) -> Iterator[Peer]:
    """What cannot be read is left out: it allows nothing."""
    for at, peer in enumerate(given):
        found = _peer(peer, f"{field}[{at}]", report)
        if found is not None:
            yield found


def _peer(given: NetworkPolicyPeer, field: str, report: Report) -> Peer | None:
    """Without namespaceSelector, pods of the policy's own namespace; without podSelector, all of the namespaces' pods."""
    if given.ip_block is not None:
        return cidr_of(given.ip_block.cidr, given.ip_block.excepts, f"{field}.ipBlock", report)
    if given.namespace_selector is not None:
        return Pods(selector(given.namespace_selector), selector_or_all(given.pod_selector))
    if given.pod_selector is not None:
        return Pods(report.ref.namespace, selector(given.pod_selector))
    report.invalid(field, "there is neither a selector nor an ipBlock; it allows nothing")
    return None


def _ports(given: Sequence[NetworkPolicyPort]) -> Iterator[Port]:
    """A name may be written in digits only as a number, so text is always a name."""
    for port in given:
        protocol = Protocol(port.protocol)
        match port.port:
            case None:
                yield PortRange(protocol)
            case int(number):
                yield PortRange(protocol, number, number if port.end_port is None else port.end_port)
            case str(name):
                yield NamedPort(protocol, name)
