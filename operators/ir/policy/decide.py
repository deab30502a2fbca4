"""The meaning of policies: what becomes of a connection, and which rule says so. All else is tested against this.

A connection must pass the egress of its source and the ingress of its destination. In each direction the subject's tiers
are judged in order, and in a tier the rules that match by priority, Deny before Pass before Allow:

- Allow and Deny decide. Pass goes on with the next tier.
- Where no rule of a tier matches, a policy of it that isolates the subject denies. (NetworkPolicies do, and MeshPolicies of
  the Application tier with an Allow rule.)
- What no tier decides is allowed.

Audit policies decide nothing; what would be if they were all enforced is reported beside it.

Nodes and the world are no subjects. A pod can always reach itself. Between a pod and its own node all is allowed, whatever
addresses a rule names, as Kubernetes says of NetworkPolicy (kubelet's probes come that way), unless a rule names `host`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from operators.ir.policy.ends import End, Entity, Packet, Workload
from operators.ir.policy.matching import matches_peer, matches_port, selects
from operators.ir.policy.rules import Action, Direction, Mode, Policy, Rule, Tier, Verdict
from operators.ir.refs import Origin


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of a connection in one direction.

    `origin` is the rule that decided, the object as a whole where its isolation did, None where nothing was said.
    `passed` are the Pass rules on the way. `log` is asked for by one of all these.
    """

    verdict: Verdict = Verdict.ALLOW
    origin: Origin | None = None
    passed: tuple[Origin, ...] = ()
    log: bool = False


SILENT = Judgement()


@dataclass(frozen=True, slots=True)
class Finding:
    """What would be judged in a direction if the Audit policies were enforced: only where it is not what is."""

    direction: Direction
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Decision:
    egress: Judgement
    ingress: Judgement
    audit: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return self.deciding.verdict

    @property
    def origin(self) -> Origin | None:
        """Who decided."""
        return self.deciding.origin

    @property
    def deciding(self) -> Judgement:
        """The one that denies, the egress first as the packet meets it; of two that allow the ingress, if it says anything."""
        if self.egress.verdict is Verdict.DENY:
            return self.egress
        return self.egress if self.ingress == SILENT else self.ingress


def decide(policies: Iterable[Policy], packet: Packet) -> Decision:
    """The order of `policies` does not matter."""
    given = tuple(policies)
    enforced = tuple(policy for policy in given if policy.mode is Mode.ENFORCE)
    now = {direction: judge(enforced, packet, direction) for direction in Direction}
    then = {direction: judge(given, packet, direction) for direction in Direction}
    audit = tuple(Finding(one, then[one]) for one in Direction if then[one] != now[one])
    return Decision(now[Direction.EGRESS], now[Direction.INGRESS], audit)


def judge(policies: Iterable[Policy], packet: Packet, direction: Direction) -> Judgement:
    """One direction, as if all of `policies` were enforced."""
    outgoing = direction is Direction.EGRESS
    subject, peer = (packet.source, packet.destination) if outgoing else (packet.destination, packet.source)
    if subject.workload is None or subject.address == peer.address:
        return SILENT
    concerned = _about(subject.workload, policies)
    passed: list[Rule] = []
    for tier in Tier:
        members = [policy for policy in concerned if policy.tier is tier]
        rule = next(_matching(members, packet, direction, subject, peer), None)
        if rule is not None and rule.action is Action.PASS:
            passed.append(rule)
        elif rule is not None:
            return _judged(Verdict.ALLOW if rule.action is Action.ALLOW else Verdict.DENY, rule.origin, [*passed, rule])
        elif not peer.is_node_of(subject) and (isolating := _isolating(members, direction)) is not None:
            return _judged(Verdict.DENY, isolating, passed)
    return _judged(Verdict.ALLOW, None, passed)


def _about(workload: Workload, policies: Iterable[Policy]) -> list[Policy]:
    """By name, so that of two rules that say the same always the same one is named."""
    found = (policy for policy in policies if any(selects(subject, workload) for subject in policy.subjects))
    return sorted(found, key=lambda policy: policy.ref)


def _matching(
    policies: Sequence[Policy], packet: Packet, direction: Direction, subject: End, peer: End
) -> Iterator[Rule]:
    """The rules of a tier that match, in the order in which they count."""
    rules = [(policy.priority, rule.action, rule) for policy in policies for rule in policy.rules]
    for _, _, rule in sorted(rules, key=lambda entry: entry[:2]):
        if rule.direction is direction and _covers(rule, subject, peer) and _concerns(rule, packet):
            yield rule


def _covers(rule: Rule, subject: End, peer: End) -> bool:
    if peer.is_node_of(subject):
        return rule.peers is not None and Entity.HOST in rule.peers
    return rule.peers is None or any(matches_peer(one, peer, subject) for one in rule.peers)


def _concerns(rule: Rule, packet: Packet) -> bool:
    return rule.ports is None or any(matches_port(one, packet) for one in rule.ports)


def _isolating(policies: Sequence[Policy], direction: Direction) -> Origin | None:
    return next((Origin(policy.ref, "spec") for policy in policies if direction in policy.isolates), None)


def _judged(verdict: Verdict, origin: Origin | None, rules: Sequence[Rule]) -> Judgement:
    """`rules` are those that had a say."""
    passed = tuple(rule.origin for rule in rules if rule.action is Action.PASS)
    return Judgement(verdict, origin, passed, any(rule.log for rule in rules))
