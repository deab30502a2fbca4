"""NetworkPolicy (networking.k8s.io/v1) as we read it: all of it. What absent and empty lists mean is decided in operators/policy."""

from typing import Literal

from pydantic import Field

from crds.base import ApiModel
from crds.core import KubeObject

PolicyType = Literal["Ingress", "Egress"]


class LabelSelectorRequirement(ApiModel):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = Field(default_factory=list)


class LabelSelector(ApiModel):
    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[LabelSelectorRequirement] = Field(default_factory=list)


class IPBlock(ApiModel):
    cidr: str
    excepts: list[str] = Field(default_factory=list, alias="except")


class NetworkPolicyPort(ApiModel):
    """`port` absent is every port of the protocol; by name, the destination pod's."""

    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class NetworkPolicyPeer(ApiModel):
    """Either selectors or an address block; an absent selector is not an empty one."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyIngressRule(ApiModel):
    peers: list[NetworkPolicyPeer] = Field(default_factory=list, alias="from")
    ports: list[NetworkPolicyPort] = Field(default_factory=list)


class NetworkPolicyEgressRule(ApiModel):
    peers: list[NetworkPolicyPeer] = Field(default_factory=list, alias="to")
    ports: list[NetworkPolicyPort] = Field(default_factory=list)


class NetworkPolicySpec(ApiModel):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: list[PolicyType] = Field(default_factory=list)
    ingress: list[NetworkPolicyIngressRule] = Field(default_factory=list)
    egress: list[NetworkPolicyEgressRule] = Field(default_factory=list)


class NetworkPolicy(KubeObject):
    """Absent `spec` selects every pod of the namespace, as the API server has it."""

    spec: NetworkPolicySpec = NetworkPolicySpec()
