"""Our kinds: names, scope, columns."""

from dataclasses import dataclass

from pydantic import BaseModel

from crds.cilium_ingress import CiliumIngressSpec
from crds.load_balancer_ip_pool import LoadBalancerIPPoolSpec, LoadBalancerIPPoolStatus
from crds.mesh_policy import ClusterMeshPolicySpec, MeshPolicySpec, PolicyStatus
from crds.status import ServedStatus

GROUP = "tulle.dev"
VERSION = "v1alpha1"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a priority above 0 shows with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    plural: str
    short: str
    scope: str
    about: str
    spec: type[BaseModel]
    status: type[BaseModel]
    columns: tuple[Column, ...]


def _condition(kind: str, what: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{what}'


POLICY_COLUMNS = (
    Column("Tier", ".spec.tier"),
    Column("Priority", ".spec.priority", "integer"),
    Column("Mode", ".spec.mode"),
    Column("Accepted", _condition("Accepted", "status")),
    Column("Programmed", _condition("Programmed", "status")),
    Column("Message", _condition("Programmed", "message"), priority=1),
    Column("Age", ".metadata.creationTimestamp", "date"),
)

KINDS = (
    Kind(
        "CiliumIngress",
        "ciliumingresses",
        "cing",
        "Namespaced",
        "An Ingress with timeouts, retries, rewrites, redirects, header changes, HTTP to HTTPS and weighted backends.",
        CiliumIngressSpec,
        ServedStatus,
        (
            Column("Class", ".spec.ingressClassName"),
            # The API server prints the first value of a list only.
            Column("Host", ".spec.rules[*].host"),
            Column("Address", ".status.loadBalancer.ingress[*].ip"),
            Column("Accepted", _condition("Accepted", "status")),
            Column("Programmed", _condition("Programmed", "status")),
            Column("Message", _condition("Programmed", "message"), priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    ),
    Kind(
        "LoadBalancerIPPool",
        "loadbalancerippools",
        "lbpool",
        "Cluster",
        "Addresses for gateways, announced by the node that holds them.",
        LoadBalancerIPPoolSpec,
        LoadBalancerIPPoolStatus,
        (
            Column("Disabled", ".spec.disabled", "boolean"),
            Column("Used", ".status.used", "integer"),
            Column("Total", ".status.total"),
            Column("Accepted", _condition("Accepted", "status")),
            Column("Node", ".status.allocations[*].node", priority=1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    ),
    Kind(
        "MeshPolicy",
        "meshpolicies",
        "mp",
        "Namespaced",
        "Who may talk to the workloads of a namespace, and to whom they may talk. Not enforced yet, so the chart does not install it.",
        MeshPolicySpec,
        PolicyStatus,
        POLICY_COLUMNS,
    ),
    Kind(
        "ClusterMeshPolicy",
        "clustermeshpolicies",
        "cmp",
        "Cluster",
        "Who may talk to the workloads of any namespaces, and to whom they may talk. Not enforced yet, so the chart does not install it.",
        ClusterMeshPolicySpec,
        PolicyStatus,
        POLICY_COLUMNS,
    ),
)
