"""Ingress (networking.k8s.io/v1) as we read it; the parts that CiliumIngress shares have descriptions for its reference."""

from typing import Literal

from pydantic import Field

from crds.base import ApiModel
from crds.core import KubeObject
from crds.status import LoadBalancerStatus

LEGACY_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
PathType = Literal["Exact", "Prefix", "ImplementationSpecific"]


class ServiceBackendPort(ApiModel):
    number: int | None = None
    name: str | None = None


class IngressServiceBackend(ApiModel):
    name: str
    port: ServiceBackendPort = ServiceBackendPort()


class ResourceBackend(ApiModel):
    """A reference to an object other than a Service; not served, and said so."""

    kind: str
    name: str
    api_group: str = ""


class IngressBackend(ApiModel):
    service: IngressServiceBackend | None = None
    resource: ResourceBackend | None = None


class HTTPIngressPath(ApiModel):
    path: str = "/"
    path_type: PathType = "ImplementationSpecific"
    backend: IngressBackend


class HTTPIngressRules(ApiModel):
    paths: list[HTTPIngressPath] = Field(default_factory=list)


class IngressRule(ApiModel):
    host: str = ""
    http: HTTPIngressRules | None = None


class IngressTLS(ApiModel):
    hosts: list[str] = Field(default_factory=list)
    secret_name: str = ""


class IngressSpec(ApiModel):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: list[IngressTLS] = Field(default_factory=list)
    rules: list[IngressRule] = Field(default_factory=list)


class IngressStatus(ApiModel):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(KubeObject):
    """`status` is not kept: the writer compares with what the API server holds."""

    spec: IngressSpec = IngressSpec()
