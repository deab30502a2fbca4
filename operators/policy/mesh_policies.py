"""A MeshPolicy or ClusterMeshPolicy → the IR.

An Allow rule of the Application tier isolates the subject in its direction, so that a list of what is allowed needs no rule
that denies the rest. What cannot be done yet never opens anything: an Allow or Pass for some HTTP requests matches nothing,
a Deny for some denies all.
"""

from collections.abc import Iterator, Sequence

from crds import mesh_policy as api
from operators.ir.policy import (
    EVERYTHING,
    Account,
    Action,
    Direction,
    Entity,
    ExternalWorkloads,
    Fqdn,
    Mode,
    Peer,
    Pods,
    Policy,
    Port,
    PortRange,
    Protocol,
    Rule,
    Selector,
    ServiceEndpoints,
    Subject,
    Tier,
)
from operators.ir.problems import Report
from operators.ir.refs import ObjectRef, Origin
from operators.policy.reading import PEERS, Reading, cidr_of, reading
from operators.policy.selectors import selector, selector_or_all

GivenRule = api.IngressRule | api.EgressRule
NOBODY: tuple[Peer, ...] = ()
HTTP_ALLOWS_NOTHING = "requests are not judged yet; until then this rule matches nothing"
HTTP_DENIES_ALL = "requests are not judged yet; until then this rule denies all of them"
MTLS_NOT_YET = "peers need not prove who they are yet; the rest of the policy is in force"


def mesh_policy(given: api.MeshPolicy) -> Reading:
    report = Report(ObjectRef("MeshPolicy", given.metadata.namespace, given.metadata.name))
    subjects = tuple(_subjects(given.spec.subject, report))
    return reading(report, _policy(given.spec, subjects, report), given.metadata.generation)


def cluster_mesh_policy(given: api.ClusterMeshPolicy) -> Reading:
    report = Report(ObjectRef("ClusterMeshPolicy", "", given.metadata.name))
    subjects = tuple(_cluster_subjects(given.spec.subject, report))
    return reading(report, _policy(given.spec, subjects, report), given.metadata.generation)


def _policy(
    spec: api.MeshPolicySpec | api.ClusterMeshPolicySpec, subjects: tuple[Subject, ...], report: Report
) -> Policy:
    if spec.mtls is not None:
        report.unsupported("spec.mtls", MTLS_NOT_YET)
    rules = (
        *_rules(Direction.INGRESS, spec.ingress, report),
        *_rules(Direction.EGRESS, spec.egress, report),
    )
    tier = Tier[spec.tier.upper()]
    allowing = frozenset(rule.direction for rule in rules if rule.action is Action.ALLOW)
    isolates = allowing if tier is Tier.APPLICATION else frozenset()
    return Policy(report.ref, subjects, rules, isolates, tier, spec.priority, Mode(spec.mode))


def _subjects(given: api.Subject, report: Report) -> Iterator[Subject]:
    """A MeshPolicy is about its own namespace only."""
    namespace = report.ref.namespace
    if given.pod_selector is not None:
        yield Pods(namespace, selector(given.pod_selector))
    if given.external_workload_selector is not None:
        yield ExternalWorkloads(namespace, selector(given.external_workload_selector))
    for at, account in enumerate(given.service_accounts or ()):
        if account.namespace in {None, namespace}:
            yield Account(namespace, account.name)
        else:
            report.fatal(
                f"spec.subject.serviceAccounts[{at}].namespace",
                f"a MeshPolicy is about workloads of its own namespace, {namespace}; use a ClusterMeshPolicy for others",
            )


def _cluster_subjects(given: api.ClusterSubject, report: Report) -> Iterator[Subject]:
    if given.pod_selector is not None or given.namespace_selector is not None:
        yield Pods(selector_or_all(given.namespace_selector), selector_or_all(given.pod_selector))
    if given.external_workload_selector is not None:
        yield ExternalWorkloads(EVERYTHING, selector(given.external_workload_selector))
    for account in given.service_accounts or ():
        yield Account(_namespace(account, report), account.name)


def _rules(direction: Direction, given: Sequence[GivenRule], report: Report) -> Iterator[Rule]:
    for at, rule in enumerate(given):
        field = f"spec.{direction}[{at}]"
        yield Rule(
            direction,
            Action[rule.action.upper()],
            Origin(report.ref, field),
            peers=_peers(rule, f"{field}.{PEERS[direction]}", report) if _is_judged(rule, field, report) else NOBODY,
            ports=tuple(_port(port) for port in rule.ports) or None,
            log=rule.log,
            name=rule.name,
        )


def _is_judged(rule: GivenRule, field: str, report: Report) -> bool:
    """Whether the rule is in force as far as addresses and ports go."""
    if not rule.http:
        return True
    denies = rule.action == "Deny"
    report.unsupported(f"{field}.http", HTTP_DENIES_ALL if denies else HTTP_ALLOWS_NOTHING)
    return denies


def _peers(rule: GivenRule, field: str, report: Report) -> tuple[Peer, ...] | None:
    """None is everyone."""
    each = (_peer(peer, f"{field}[{at}]", report) for at, peer in enumerate(rule.peers))
    return tuple(peer for peers in each for peer in peers) if rule.peers else None


def _peer(given: api.IngressPeer, field: str, report: Report) -> Iterator[Peer]:
    """One kind of peer, and of that kind any."""
    if given.pod_selector is not None or given.namespace_selector is not None:
        yield Pods(_namespaces(given.namespace_selector, report), selector_or_all(given.pod_selector))
    for account in given.service_accounts or ():
        yield Account(_namespace(account, report), account.name)
    for entity in given.entities or ():
        yield Entity(entity)
    for at, block in enumerate(given.cidrs or ()):
        cidr = cidr_of(block.cidr, block.excepts, f"{field}.cidrs[{at}]", report)
        if cidr is not None:
            yield cidr
    if isinstance(given, api.EgressPeer):
        yield from (Fqdn(pattern) for pattern in given.fqdns or ())
        yield from (
            ServiceEndpoints(f"{_namespace(service, report)}/{service.name}") for service in given.services or ()
        )


def _namespaces(given: api.LabelSelector | None, report: Report) -> str | Selector:
    """Without selector the object's own; a cluster-wide object has none, so all."""
    if given is not None:
        return selector(given)
    return report.ref.namespace or EVERYTHING


def _namespace(given: api.ServiceAccount | api.Service, report: Report) -> str:
    """Cluster-wide objects name one, as the API server sees to it."""
    return given.namespace or report.ref.namespace


def _port(given: api.Port) -> Port:
    protocol = Protocol(given.protocol)
    if given.port is None:
        return PortRange(protocol)
    return PortRange(protocol, given.port, given.end_port or given.port)
