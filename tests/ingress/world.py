"""Objects as YAML → the mesh, as main would build it; for cases and tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crds.cilium_ingress import CiliumIngress
from crds.core import EndpointSlice, IngressClass, Node, Secret, Service
from crds.ingress import Ingress
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from operators.collections import Graph
from operators.ingress.options import IngressSettings
from operators.ingress.tables import Mesh, Sources, build

MODELS = {
    model.__name__: model
    for model in (
        Ingress,
        CiliumIngress,
        IngressClass,
        Service,
        EndpointSlice,
        Secret,
        Node,
        LoadBalancerIPPool,
    )
}
FIELDS = {
    "Ingress": "ingresses",
    "CiliumIngress": "cilium_ingresses",
    "IngressClass": "ingress_classes",
    "Service": "services",
    "EndpointSlice": "endpoint_slices",
    "Secret": "secrets",
    "Node": "nodes",
    "LoadBalancerIPPool": "pools",
}
TABLES = (
    "gateways",
    "addresses",
    "tls_hosts",
    "certificates",
    "virtual_hosts",
    "clusters",
    "endpoints",
)


@dataclass(frozen=True, slots=True)
class World:
    graph: Graph
    sources: Sources
    mesh: Mesh

    @classmethod
    def of(cls, settings: IngressSettings | None = None) -> "World":
        graph = Graph()
        sources = Sources.of(graph)
        return cls(graph, sources, build(graph, sources, settings or IngressSettings()))

    def set(self, *bodies: Mapping[str, Any]) -> None:
        for body in bodies:
            getattr(self.sources, FIELDS[body["kind"]]).set(MODELS[body["kind"]].parse(body))

    def delete(self, kind: str, key: str) -> None:
        getattr(self.sources, FIELDS[kind]).delete(key)

    def commit(self) -> None:
        self.graph.commit()
        assert not self.graph.failures, self.graph.failures

    def tables(self) -> dict[str, Iterable[Any]]:
        return {name: getattr(self.mesh, name).values() for name in TABLES}

    def problems(self, kind: str = "Ingress", key: str = "default/story") -> tuple:
        found = self.mesh.problems.get(f"{kind} {key}")
        return found.problems if found else ()


def world(*bodies: Mapping[str, Any], settings: IngressSettings | None = None) -> World:
    made = World.of(settings)
    made.set(*bodies)
    made.commit()
    return made
