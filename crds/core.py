"""The fields we read of Kubernetes' own kinds; everything else is ignored, so that its churn recomputes nothing."""

import base64
import binascii
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, field_validator

from crds.base import ApiModel

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
OUR_ANNOTATIONS = ("tulle.dev/conditions", "kubectl.kubernetes.io/last-applied-configuration")


class ObjectMeta(ApiModel):
    """Identity and labels. What changes without meaning (resource version, the annotations we write) is not kept."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)

    @field_validator("annotations", mode="after")
    @classmethod
    def _without_ours(cls, annotations: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in annotations.items() if name not in OUR_ANNOTATIONS}


class KubeObject(ApiModel):
    """Anything with metadata."""

    metadata: ObjectMeta

    @property
    def key(self) -> str:
        """`namespace/name`, or the name of what has no namespace."""
        meta = self.metadata
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


class ServicePort(ApiModel):
    name: str = ""
    port: int
    target_port: int | str | None = None
    protocol: str = "TCP"
    app_protocol: str | None = None
    node_port: int | None = None


class ServiceSpec(ApiModel):
    type: str = "ClusterIP"
    cluster_ip: str | None = Field(default=None, alias="clusterIP")
    external_name: str | None = None
    ports: list[ServicePort] = Field(default_factory=list)


class Service(KubeObject):
    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(ApiModel):
    """An absent `ready` or `serving` means yes, an absent `terminating` no (KEP-1672)."""

    ready: bool = True
    serving: bool | None = None
    terminating: bool = False

    @property
    def is_serving(self) -> bool:
        return self.ready if self.serving is None else self.serving


class SliceEndpoint(ApiModel):
    addresses: list[str]
    conditions: EndpointConditions = EndpointConditions()
    node_name: str = ""
    zone: str = ""


class EndpointPort(ApiModel):
    name: str = ""
    port: int | None = None
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSlice(KubeObject):
    address_type: Literal["IPv4", "IPv6", "FQDN"] = "IPv4"
    endpoints: list[SliceEndpoint] = Field(default_factory=list)
    ports: list[EndpointPort] = Field(default_factory=list)

    @property
    def service(self) -> str:
        """The key of the Service it belongs to; empty when it belongs to none."""
        name = self.metadata.labels.get(SERVICE_NAME_LABEL, "")
        return f"{self.metadata.namespace}/{name}" if name else ""


class Secret(KubeObject):
    """Values stay encoded until they are asked for, and never print, not even in errors."""

    model_config = ConfigDict(hide_input_in_errors=True)

    type: str = "Opaque"
    data: dict[str, str] = Field(default_factory=dict, repr=False)

    def value(self, name: str) -> bytes | None:
        """The decoded value, or None where there is none or it is not base64."""
        try:
            return base64.b64decode(self.data[name], validate=True)
        except (KeyError, binascii.Error):
            return None


class IngressClassSpec(ApiModel):
    controller: str = ""


class IngressClass(KubeObject):
    spec: IngressClassSpec = IngressClassSpec()


class NodeAddress(ApiModel):
    type: str
    address: str


class NodeStatus(ApiModel):
    """Conditions are left out: kubelets renew them every few seconds, and whether a node serves, its proxy and agent tell."""

    addresses: list[NodeAddress] = Field(default_factory=list)


class Node(KubeObject):
    status: NodeStatus = NodeStatus()

    @property
    def internal_addresses(self) -> tuple[str, ...]:
        return tuple(address.address for address in self.status.addresses if address.type == "InternalIP")
