"""MeshPolicy and ClusterMeshPolicy: who may talk to whom, in tiers and by priority, to be enforced or only told."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crds.base import OwnModel
from crds.cilium_ingress import HeaderMatch, Method
from crds.core import KubeObject
from crds.load_balancer_ip_pool import LABEL_KEY
from crds.load_balancer_ip_pool import LabelSelectorRequirement as _Requirement
from crds.schema import SET, keyed, rule, said
from crds.status import Condition
from crds.strings import Host

EntityName = Literal[
    "all", "cluster", "world", "host", "remote-node", "kube-apiserver", "ingress", "health", "unmanaged"
]
Namespace = Annotated[
    str,
    Field(
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        json_schema_extra=said("a namespace is named by its name alone, in lower case"),
    ),
]
AccountName = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        json_schema_extra=said("a service account is named by its name alone; its namespace goes into namespace"),
    ),
]
ServiceName = Annotated[
    str,
    Field(
        max_length=63,
        pattern="^[-a-z0-9]+$",
        json_schema_extra=said("a Service is named by its name alone; its namespace goes into namespace"),
    ),
]
DomainPattern = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^(\*\*?\.)?([-a-z0-9_]+\.)*[a-z][-a-z0-9]*$",
        json_schema_extra=said(
            "fqdns has names such as api.example.com, *.example.com for one label before it or **.example.com for one or"
            " more: lower case, no port, no address"
        ),
    ),
]
CIDR = Annotated[str, Field(max_length=49)]
NAMELESS = "a ClusterMeshPolicy is in no namespace: its serviceAccounts and services say theirs"


class LabelSelectorRequirement(_Requirement):
    # Selectors are in too many places for a rule with a message.
    key: str = Field(max_length=317, pattern=LABEL_KEY, description="The label's name.")


class LabelSelector(OwnModel):
    match_labels: dict[str, Annotated[str, Field(max_length=63)]] = Field(
        default_factory=dict, max_length=16, description="All of these labels."
    )
    match_expressions: list[LabelSelectorRequirement] = Field(
        default_factory=list, max_length=8, description="And all of these."
    )


class ServiceAccount(OwnModel):
    namespace: Namespace | None = Field(default=None, description="Its namespace; that of this object when absent.")
    name: AccountName = Field(description="Its name.")


class Service(OwnModel):
    namespace: Namespace | None = Field(default=None, description="Its namespace; that of this object when absent.")
    name: ServiceName = Field(description="Its name.")


class AddressBlock(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "isCIDR(self.cidr) && cidr(self.cidr) == cidr(self.cidr).masked()",
            "cidr is a network such as 10.0.0.0/8 or 2001:db8::/32, written with its first address",
            ".cidr",
        )
        | rule(
            "!has(self.except) || !isCIDR(self.cidr)"
            " || self.except.all(one, isCIDR(one) && cidr(self.cidr).containsCIDR(one))",
            "except has networks that are inside of cidr",
            ".except",
        )
    )

    cidr: CIDR = Field(description="All addresses of a network, also those of pods and nodes.")
    excepts: list[CIDR] = Field(
        default_factory=list,
        max_length=16,
        alias="except",
        json_schema_extra=SET,
        description="But not those of these networks.",
    )


def _one_of(*kinds: str) -> str:
    """A CEL expression: exactly one of these is there."""
    return f"[{', '.join(kinds)}].exists_one(one, one)"


BY_LABELS = "has(self.podSelector) || has(self.namespaceSelector)"
INGRESS_PEERS = (BY_LABELS, "has(self.serviceAccounts)", "has(self.entities)", "has(self.cidrs)")


class IngressPeer(OwnModel):
    """One kind of peer; of the list's members one must match."""

    model_config = ConfigDict(
        json_schema_extra=rule(
            _one_of(*INGRESS_PEERS),
            "a peer has exactly one of podSelector and namespaceSelector (together or alone), serviceAccounts, entities"
            " and cidrs",
        )
    )

    pod_selector: LabelSelector | None = Field(
        default=None, description="Pods by their labels; of the object's namespace without namespaceSelector."
    )
    namespace_selector: LabelSelector | None = Field(
        default=None, description="Pods of these namespaces; an empty selector is all of them."
    )
    service_accounts: list[ServiceAccount] | None = Field(
        default=None, min_length=1, max_length=16, description="Workloads that run as one of these."
    )
    entities: list[EntityName] | None = Field(
        default=None,
        min_length=1,
        max_length=9,
        json_schema_extra=SET,
        description="What has no labels; `host` is the node on which the workload runs.",
    )
    cidrs: list[AddressBlock] | None = Field(
        default=None, min_length=1, max_length=16, description="Addresses, whoever has them."
    )


class EgressPeer(IngressPeer):
    """One kind of peer; of the list's members one must match."""

    model_config = ConfigDict(
        json_schema_extra=rule(
            _one_of(*INGRESS_PEERS, "has(self.fqdns)", "has(self.services)"),
            "a peer has exactly one of podSelector and namespaceSelector (together or alone), serviceAccounts, entities,"
            " cidrs, fqdns and services",
        )
    )

    fqdns: list[DomainPattern] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        json_schema_extra=SET,
        description="Addresses that DNS gave the workload for these names.",
    )
    services: list[Service] | None = Field(
        default=None, min_length=1, max_length=16, description="Endpoints of these Services, at any of their ports."
    )


class Port(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "self.protocol != 'ICMP' || (!has(self.port) && !has(self.endPort))", "ICMP has no ports", ".port"
        )
        | rule(
            "!has(self.endPort) || (has(self.port) && self.port <= self.endPort)",
            "endPort ends the range that begins with port, so port is there and not above it",
            ".endPort",
        )
    )

    protocol: Literal["TCP", "UDP", "SCTP", "ICMP"] = Field(default="TCP", description="ICMP is that of both families.")
    port: int | None = Field(default=None, ge=1, le=65535, description="All ports of the protocol when absent.")
    end_port: int | None = Field(default=None, ge=1, le=65535, description="The last of a range of ports.")


class HTTPPath(OwnModel):
    type: Literal["Exact", "Prefix", "RegularExpression"] = Field(description="How the path is compared.")
    value: str = Field(min_length=1, max_length=1024, description="With what.")


class HTTPMatch(OwnModel):
    """Requests with one of the methods, paths and hosts, and all of the headers; an empty list is no restriction."""

    methods: list[Method] = Field(
        default_factory=list, max_length=9, json_schema_extra=SET, description="One of these methods."
    )
    paths: list[HTTPPath] = Field(default_factory=list, max_length=16, description="One of these paths.")
    hosts: list[Host] = Field(
        default_factory=list, max_length=8, json_schema_extra=SET, description="One of these hosts."
    )
    headers: list[HeaderMatch] = Field(
        default_factory=list, max_length=8, json_schema_extra=keyed("name"), description="All of these headers."
    )


class Rule(OwnModel):
    name: str = Field(default="", max_length=63, description="For people and metrics.")
    action: Literal["Allow", "Deny", "Pass"] = Field(
        description="Pass leaves the decision to the next tier; at the same priority Deny is before Pass before Allow."
    )
    log: bool = Field(default=False, description="Report every connection that this rule decides.")
    ports: list[Port] = Field(
        default_factory=list, max_length=32, description="Any of these; all protocols and ports when empty."
    )
    http: list[HTTPMatch] = Field(
        default_factory=list,
        max_length=8,
        description="Any of these requests. Not judged yet: until then Allow and Pass match nothing, Deny all requests.",
    )


class IngressRule(Rule):
    peers: list[IngressPeer] = Field(
        default_factory=list, max_length=16, alias="from", description="Any of these; everyone when empty."
    )


class EgressRule(Rule):
    peers: list[EgressPeer] = Field(
        default_factory=list, max_length=16, alias="to", description="Any of these; everyone when empty."
    )


class Subject(OwnModel):
    """Whom the policy is about."""

    model_config = ConfigDict(
        json_schema_extra=rule(
            _one_of("has(self.podSelector)", "has(self.serviceAccounts)", "has(self.externalWorkloadSelector)"),
            "a subject has exactly one of podSelector, serviceAccounts and externalWorkloadSelector; podSelector: {} is"
            " every pod",
        )
    )

    pod_selector: LabelSelector | None = Field(default=None, description="Pods by their labels.")
    service_accounts: list[ServiceAccount] | None = Field(
        default=None, min_length=1, max_length=16, description="Workloads that run as one of these."
    )
    external_workload_selector: LabelSelector | None = Field(
        default=None, description="External workloads by their labels."
    )


class ClusterSubject(Subject):
    """Whom the policy is about."""

    model_config = ConfigDict(
        json_schema_extra=rule(
            _one_of(BY_LABELS, "has(self.serviceAccounts)", "has(self.externalWorkloadSelector)"),
            "a subject has exactly one of podSelector and namespaceSelector (together or alone), serviceAccounts and"
            " externalWorkloadSelector; namespaceSelector: {} is every pod",
        )
    )

    namespace_selector: LabelSelector | None = Field(
        default=None, description="Pods of these namespaces; those of all when absent."
    )


class _Spec(OwnModel):
    mode: Literal["Enforce", "Audit"] = Field(
        default="Enforce", description="Audit decides nothing; what it would do is reported."
    )
    tier: Literal["Admin", "Application", "Baseline"] = Field(
        default="Application",
        description=(
            "Judged in this order. In Application an Allow rule means that what no rule allows is denied in its direction,"
            " as with a NetworkPolicy; in the others what no rule matches goes on to the next tier."
        ),
    )
    priority: int = Field(
        default=500, ge=0, le=1000, description="In the tier; lower is judged first, NetworkPolicies after all."
    )
    mtls: Literal["Strict", "Permissive", "Disabled"] | None = Field(
        default=None, description="Whether peers must prove who they are. Not done yet."
    )
    ingress: list[IngressRule] = Field(
        default_factory=list, max_length=32, description="Connections to the subject; not judged when empty."
    )
    egress: list[EgressRule] = Field(
        default_factory=list, max_length=32, description="Connections from the subject; not judged when empty."
    )


_SAYS_SOMETHING = rule(
    "(has(self.ingress) && size(self.ingress) > 0) || (has(self.egress) && size(self.egress) > 0) || has(self.mtls)",
    "a policy has ingress or egress rules, or mtls",
)


class MeshPolicySpec(_Spec):
    model_config = ConfigDict(json_schema_extra=_SAYS_SOMETHING)

    subject: Subject = Field(description="Whom the policy is about, in the namespace of this object.")


def _all_named(rules: str, peers: str, kind: str) -> str:
    """A CEL expression: what is in a namespace says in which."""
    named = f"!has(p.{kind}) || p.{kind}.all(one, has(one.__namespace__))"
    return f"!has(self.{rules}) || self.{rules}.all(r, !has(r.{peers}) || r.{peers}.all(p, {named}))"


class ClusterMeshPolicySpec(_Spec):
    model_config = ConfigDict(
        json_schema_extra=_SAYS_SOMETHING
        | rule(
            "!has(self.subject.serviceAccounts) || self.subject.serviceAccounts.all(one, has(one.__namespace__))",
            NAMELESS,
            ".subject.serviceAccounts",
        )
        | rule(_all_named("ingress", "from", "serviceAccounts"), NAMELESS, ".ingress")
        | rule(_all_named("egress", "to", "serviceAccounts"), NAMELESS, ".egress")
        | rule(_all_named("egress", "to", "services"), NAMELESS, ".egress")
    )

    subject: ClusterSubject = Field(description="Whom the policy is about.")


class PolicyStatus(OwnModel):
    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        json_schema_extra=keyed("type"),
        description="Accepted, ResolvedRefs, Programmed.",
    )
    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the spec that the conditions are about."
    )


class MeshPolicy(KubeObject):
    """`status` is not kept: the writer compares with what the API server holds."""

    spec: MeshPolicySpec


class ClusterMeshPolicy(KubeObject):
    """As MeshPolicy, cluster-wide."""

    spec: ClusterMeshPolicySpec
