"""LoadBalancerIPPool: addresses that gateways may use, and which node holds each."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from crds.base import OwnModel
from crds.core import KubeObject
from crds.schema import SET, keyed, rule, said
from crds.status import Condition

Address = Annotated[str, Field(max_length=45)]
LABEL_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"


class Block(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "has(self.cidr) ? !has(self.start) && !has(self.stop) : has(self.start) && has(self.stop)",
            "a block has either cidr, or start and stop",
        )
        | rule(
            "!has(self.cidr) || isCIDR(self.cidr)",
            "cidr is a network such as 192.0.2.0/28 or 2001:db8::/124",
            ".cidr",
        )
        | rule(
            "!has(self.cidr) || !isCIDR(self.cidr) || cidr(self.cidr) == cidr(self.cidr).masked()",
            "cidr begins with the first address of its network; for some addresses of one use start and stop",
            ".cidr",
        )
        | rule("!has(self.start) || isIP(self.start)", "start is an IP address", ".start")
        | rule("!has(self.stop) || isIP(self.stop)", "stop is an IP address", ".stop")
        | rule(
            "!has(self.start) || !has(self.stop) || !isIP(self.start) || !isIP(self.stop)"
            " || ip(self.start).family() == ip(self.stop).family()",
            "start and stop are both IPv4 or both IPv6",
            ".stop",
        )
    )

    cidr: str | None = Field(
        default=None, max_length=49, description="All addresses of a network, the first and last included."
    )
    start: Address | None = Field(default=None, description="The first address of a range.")
    stop: Address | None = Field(default=None, description="The last address of a range.")


class LabelSelectorRequirement(OwnModel):
    model_config = ConfigDict(
        json_schema_extra=rule(
            "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "In and NotIn have values, Exists and DoesNotExist have none",
            ".values",
        )
    )

    key: str = Field(
        max_length=317,
        pattern=LABEL_KEY,
        json_schema_extra=said("key is a label's name such as topology.kubernetes.io/zone"),
        description="The label's name.",
    )
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How it is compared.")
    values: list[Annotated[str, Field(max_length=63)]] = Field(
        default_factory=list, max_length=64, json_schema_extra=SET, description="With In and NotIn."
    )


class LabelSelector(OwnModel):
    match_labels: dict[str, Annotated[str, Field(max_length=63)]] = Field(
        default_factory=dict, max_length=64, description="All of these labels."
    )
    match_expressions: list[LabelSelectorRequirement] = Field(
        default_factory=list, max_length=64, description="And all of these."
    )

    def matches(self, labels: dict[str, str]) -> bool:
        """As the API machinery's selectors: an empty one matches everything."""
        if any(labels.get(name) != value for name, value in self.match_labels.items()):
            return False
        return all(_holds(requirement, labels) for requirement in self.match_expressions)


def _holds(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case "In":
            return present and labels[requirement.key] in requirement.values
        case "NotIn":
            return not present or labels[requirement.key] not in requirement.values


class LoadBalancerIPPoolSpec(OwnModel):
    blocks: list[Block] = Field(min_length=1, max_length=64, description="The addresses.")
    node_selector: LabelSelector | None = Field(
        default=None, description="Nodes that may hold them; all nodes when absent."
    )
    interface: str = Field(
        default="",
        max_length=15,
        pattern=r"^[^\s/:]*$",
        json_schema_extra=said("interface is a device's name on the nodes, such as eth1"),
        description="The device that gets the address; the one with the node's own address when empty.",
    )
    disabled: bool = Field(default=False, description="Hand out no more addresses; those in use stay.")


class Allocation(OwnModel):
    address: str = Field(description="An address in use.", max_length=45)
    owner: str = Field(description="The gateway that uses it.", max_length=253)
    node: str = Field(default="", description="The node that holds it; empty while there is none.", max_length=253)


class LoadBalancerIPPoolStatus(OwnModel):
    conditions: list[Condition] = Field(
        default_factory=list, max_length=16, json_schema_extra=keyed("type"), description="Accepted, and why not."
    )
    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the spec that the conditions are about."
    )
    allocations: list[Allocation] = Field(
        default_factory=list,
        max_length=1024,
        json_schema_extra=keyed("address"),
        description="Which address is where.",
    )
    total: str = Field(default="", max_length=64, description="How many addresses the pool has.")
    used: int = Field(default=0, ge=0, description="How many are in use.")


class LoadBalancerIPPool(KubeObject):
    """Addresses for gateways, announced by the node that holds them."""

    spec: LoadBalancerIPPoolSpec
    status: LoadBalancerIPPoolStatus = LoadBalancerIPPoolStatus()
