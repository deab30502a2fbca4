"""The wiring: workloads, namespaces and policies → identities, whom each selector means, and what judges whom.

How far a change travels: a pod that is like others to its address; a new kind of pod to the selectors that match it; a
policy to the identities it is about. Equal selectors of many policies are one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crds.mesh_policy import ClusterMeshPolicy, MeshPolicy
from crds.network_policy import NetworkPolicy
from operators.collections import Collection, Context, Graph, Group, Index, Source
from operators.collections.union import Union
from operators.ir.policy import Account, ExternalWorkloads, Pods, Policy, Subject
from operators.ir.policy.identities import (
    Identity,
    Judged,
    Location,
    Selection,
    buckets,
    buckets_of,
    subject_name,
)
from operators.ir.policy.matching import selects
from operators.policy.facts import Member, NamespaceFacts, WorkloadFacts, member
from operators.policy.mesh_policies import cluster_mesh_policy, mesh_policy
from operators.policy.network_policies import network_policy
from operators.policy.reading import Reading


@dataclass(frozen=True, slots=True)
class Sources:
    workloads: Source[WorkloadFacts]
    namespaces: Source[NamespaceFacts]
    network_policies: Source[NetworkPolicy]
    mesh_policies: Source[MeshPolicy]
    cluster_mesh_policies: Source[ClusterMeshPolicy]

    @classmethod
    def of(cls, graph: Graph) -> "Sources":
        return cls(
            graph.source("policy workloads", WorkloadFacts),
            graph.source("policy namespaces", NamespaceFacts),
            graph.source("NetworkPolicy", NetworkPolicy),
            graph.source("MeshPolicy", MeshPolicy),
            graph.source("ClusterMeshPolicy", ClusterMeshPolicy),
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """`readings` have every policy object and what is wrong with it."""

    readings: Collection[Reading]
    identities: Collection[Identity]
    locations: Collection[Location]
    selections: Collection[Selection]
    judged: Collection[Judged]


@dataclass(frozen=True, slots=True)
class _Use:
    """A policy names a subject: it is about it (`judges`), or lets it through."""

    name: str
    subject: Subject
    policy: str
    judges: bool

    @property
    def key(self) -> str:
        return f"{self.name}|{self.policy}"


@dataclass(frozen=True, slots=True)
class _Known:
    """A subject or peer that some policy names."""

    name: str
    subject: Subject

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class _Match:
    subject: str
    identity: str

    @property
    def key(self) -> str:
        return f"{self.identity}|{self.subject}"


def build(graph: Graph, sources: Sources) -> Tables:
    readings = _readings(graph, sources)
    policies = graph.derive("policies", readings, lambda one, _: one.policy)
    members = graph.derive(
        "members", sources.workloads, lambda one, ctx: member(one, ctx.one(sources.namespaces, one.namespace))
    )
    identities = graph.derive(
        "identities", graph.groups("identity members", members.index("by identity", _identity)), _identity_of
    )
    locations = graph.derive("locations", members, _locations)
    uses = graph.derive("subject uses", policies, lambda one, _: list(_uses(one)))
    known = graph.derive("subjects", graph.groups("subject users", uses.index("by name", _name)), _known)
    matches = graph.derive("matches", identities, _matches_of(known.index("by bucket", _buckets)))
    by_subject, by_identity = matches.index("by subject", _subject), matches.index("by identity", _identity)
    judges = uses.index("that judge", lambda one: one.name if one.judges else None)
    return Tables(
        readings,
        identities,
        locations,
        graph.derive("selections", known, _selection_of(by_subject)),
        graph.derive("judged", identities, _judged_by(by_identity, judges, policies)),
    )


def _readings(graph: Graph, sources: Sources) -> Collection[Reading]:
    return Union(
        graph,
        "policy readings",
        graph.derive("network policy readings", sources.network_policies, lambda one, _: network_policy(one)),
        graph.derive("mesh policy readings", sources.mesh_policies, lambda one, _: mesh_policy(one)),
        graph.derive(
            "cluster mesh policy readings", sources.cluster_mesh_policies, lambda one, _: cluster_mesh_policy(one)
        ),
    )


def _identity(one: Member | _Match) -> str:
    return one.identity


def _subject(one: _Match) -> str:
    return one.subject


def _name(one: _Use) -> str:
    return one.name


def _buckets(one: _Known) -> list[str]:
    return list(buckets(one.subject))


def _identity_of(group: Group[Member], _: Context) -> Identity:
    return Identity(group.key, group.members[0].workload)


def _locations(one: Member, _: Context) -> Iterator[Location]:
    return (Location(address, one.identity, one.node) for address in one.addresses)


def _uses(policy: Policy) -> Iterator[_Use]:
    """All that it matches by labels or account, each once."""
    peers = (peer for rule in policy.rules for peer in rule.peers or ())
    selecting = (peer for peer in peers if isinstance(peer, (Pods, ExternalWorkloads, Account)))
    for subject in {*policy.subjects, *selecting}:
        yield _Use(subject_name(subject), subject, policy.key, subject in policy.subjects)


def _known(users: Group[_Use], _: Context) -> _Known:
    return _Known(users.key, users.members[0].subject)


def _matches_of(by_bucket: Index[_Known]) -> Callable[[Identity, Context], Iterator[_Match]]:
    """From the identity's side, so that a new one asks only those that may mean it."""

    def matches(identity: Identity, ctx: Context) -> Iterator[_Match]:
        workload = identity.workload
        candidates = {one.key: one for bucket in buckets_of(workload) for one in ctx.all(by_bucket, bucket)}
        return (_Match(key, identity.name) for key, one in candidates.items() if selects(one.subject, workload))

    return matches


def _selection_of(by_subject: Index[_Match]) -> Callable[[_Known, Context], Selection]:
    def selection(one: _Known, ctx: Context) -> Selection:
        return Selection(one.name, one.subject, frozenset(match.identity for match in ctx.all(by_subject, one.name)))

    return selection


def _judged_by(
    by_identity: Index[_Match], judges: Index[_Use], policies: Collection[Policy]
) -> Callable[[Identity, Context], Judged | None]:
    def judged(identity: Identity, ctx: Context) -> Judged | None:
        uses = (use for match in ctx.all(by_identity, identity.name) for use in ctx.all(judges, match.subject))
        found = [ctx.one(policies, key) for key in sorted({use.policy for use in uses})]
        about = tuple(policy for policy in found if policy is not None)
        return Judged(identity.name, about) if about else None

    return judged
