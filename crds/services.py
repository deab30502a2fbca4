"""Service and EndpointSlice with all that load balancing reads of them; `crds.core` has the part that ingress reads.

They extend core's models, so that one watch can feed both. Not here because it decides nothing on a node: `ipFamilies` (the
cluster addresses say it), `trafficDistribution` (slices carry what came of it as hints), `hostname` and `targetRef`.
"""

from typing import Literal

from pydantic import Field

from crds import core
from crds.base import ApiModel

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
ZONE_LABEL = "topology.kubernetes.io/zone"
TrafficPolicy = Literal["Cluster", "Local"]


class ClientIPConfig(ApiModel):
    timeout_seconds: int = 10800


class SessionAffinityConfig(ApiModel):
    client_ip: ClientIPConfig = Field(default=ClientIPConfig(), alias="clientIP")


class ServiceSpec(core.ServiceSpec):
    cluster_ips: list[str] = Field(default_factory=list, alias="clusterIPs")
    external_ips: list[str] = Field(default_factory=list, alias="externalIPs")
    load_balancer_source_ranges: list[str] = Field(default_factory=list)
    session_affinity: Literal["None", "ClientIP"] = "None"
    session_affinity_config: SessionAffinityConfig = SessionAffinityConfig()
    external_traffic_policy: TrafficPolicy = "Cluster"
    internal_traffic_policy: TrafficPolicy = "Cluster"
    health_check_node_port: int = 0
    publish_not_ready_addresses: bool = False


class LoadBalancerIngress(ApiModel):
    """`ip_mode` Proxy: the load balancer delivers to nodes by their own addresses, and clients have to pass it (KEP-1860)."""

    ip: str = ""
    ip_mode: Literal["VIP", "Proxy"] = "VIP"


class LoadBalancerStatus(ApiModel):
    ingress: list[LoadBalancerIngress] = Field(default_factory=list)


class ServiceStatus(ApiModel):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(core.Service):
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class EndpointConditions(core.EndpointConditions):
    """An absent `ready` or `serving` means yes, an absent `terminating` no (discovery.k8s.io/v1)."""

    serving: bool = True


class Hint(ApiModel):
    name: str


class EndpointHints(ApiModel):
    for_zones: list[Hint] = Field(default_factory=list)
    for_nodes: list[Hint] = Field(default_factory=list)


class SliceEndpoint(core.SliceEndpoint):
    conditions: EndpointConditions = EndpointConditions()
    hints: EndpointHints = EndpointHints()


class EndpointSlice(core.EndpointSlice):
    endpoints: list[SliceEndpoint] = Field(default_factory=list)  # type: ignore[assignment]  # frozen: nobody appends
