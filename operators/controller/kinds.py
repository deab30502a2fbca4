"""Which kinds the ingress controller watches, and which of them have a status of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crds.cilium_ingress import CiliumIngress
from crds.core import IngressClass, Node, Secret
from crds.ingress import Ingress
from crds.kinds import GROUP, VERSION
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from crds.services import EndpointSlice, Service
from operators.collections import Graph, Source
from operators.ingress.tables import Sources
from operators.kube import Path
from operators.status.writer import Kind
from operators.watches import Invalid, Watch

INGRESS = Kind("Ingress", Path("networking.k8s.io", "v1", "ingresses"), native=True)
CILIUM_INGRESS = Kind("CiliumIngress", Path(GROUP, VERSION, "ciliumingresses"))
POOL = Kind("LoadBalancerIPPool", Path(GROUP, VERSION, "loadbalancerippools"), events=False)
SERVED = (INGRESS.name, CILIUM_INGRESS.name)
WRITTEN: Mapping[str, Kind] = {kind.name: kind for kind in (INGRESS, CILIUM_INGRESS, POOL)}

# Certificates may be in Secrets of any type, but not in those that fill most clusters.
SECRETS = ",".join(
    f"type!={kind}"
    for kind in (
        "helm.sh/release.v1",
        "kubernetes.io/service-account-token",
        "kubernetes.io/dockerconfigjson",
        "kubernetes.io/dockercfg",
        "bootstrap.kubernetes.io/token",
    )
)

Observe = Callable[[str, str, Mapping[str, Any] | None], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """`invalid` by kind holds the objects that the API server took and our models don't."""

    watches: tuple[Watch, ...]
    invalid: Mapping[str, Source[Invalid]]


def watch_all(graph: Graph, sources: Sources, observe: Observe) -> Watched:
    """`observe` is told the bodies of the kinds that we write to."""
    invalid = {kind: graph.source(f"invalid {kind}", Invalid) for kind in WRITTEN}
    written = [
        _written(INGRESS, Ingress, sources.ingresses, invalid, observe),
        _written(CILIUM_INGRESS, CiliumIngress, sources.cilium_ingresses, invalid, observe),
        _written(POOL, LoadBalancerIPPool, sources.pools, invalid, observe),
    ]
    read = [
        Watch(Path("networking.k8s.io", "v1", "ingressclasses"), IngressClass, sources.ingress_classes),
        Watch(Path("", "v1", "services"), Service, sources.services),
        Watch(Path("discovery.k8s.io", "v1", "endpointslices"), EndpointSlice, sources.endpoint_slices, urgent=True),
        Watch(Path("", "v1", "secrets"), Secret, sources.secrets, fields=SECRETS),
        Watch(Path("", "v1", "nodes"), Node, sources.nodes),
    ]
    return Watched((*written, *read), invalid)


def _written(
    kind: Kind, model: type[Any], source: Source[Any], invalid: Mapping[str, Source[Invalid]], observe: Observe
) -> Watch:
    return Watch(kind.path, model, source, invalid[kind.name], lambda key, body: observe(kind.name, key, body))
