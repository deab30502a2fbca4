"""Objects as YAML → the tables of policies, kept current by the collections."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crds.mesh_policy import ClusterMeshPolicy, MeshPolicy
from crds.network_policy import NetworkPolicy
from operators.collections import Graph
from operators.ir.policy import ContainerPort, Protocol
from operators.policy.facts import NamespaceFacts, WorkloadFacts
from operators.policy.tables import Sources, Tables, build
from tests.policy.world import key_of, labels

Body = Mapping[str, Any]
POLICIES = {"NetworkPolicy": NetworkPolicy, "MeshPolicy": MeshPolicy, "ClusterMeshPolicy": ClusterMeshPolicy}
FIELDS = {
    "Pod": "workloads",
    "Namespace": "namespaces",
    "NetworkPolicy": "network_policies",
    "MeshPolicy": "mesh_policies",
    "ClusterMeshPolicy": "cluster_mesh_policies",
}


@dataclass(frozen=True, slots=True)
class Live:
    graph: Graph
    sources: Sources
    tables: Tables

    @classmethod
    def of(cls, bodies: Iterable[Body] = ()) -> "Live":
        graph = Graph()
        sources = Sources.of(graph)
        made = cls(graph, sources, build(graph, sources))
        made.set(*bodies)
        made.commit()
        return made

    def set(self, *bodies: Body) -> None:
        for body in bodies:
            getattr(self.sources, FIELDS[body["kind"]]).set(value(body))

    def delete(self, body: Body) -> None:
        getattr(self.sources, FIELDS[body["kind"]]).delete(value(body).key)

    def commit(self) -> None:
        self.graph.commit()
        assert not self.graph.failures, self.graph.failures

    def state(self) -> dict[str, Any]:
        return {name: getattr(self.tables, name).values() for name in self.tables.__slots__}


def name_of(body: Body) -> tuple[str, str]:
    return body["kind"], key_of(body["metadata"])


def value(body: Body) -> Any:
    meta = body["metadata"]
    match body["kind"]:
        case "Namespace":
            return NamespaceFacts(meta["name"], labels(meta.get("labels", {})))
        case "Pod":
            return workload(meta, body["spec"], body["address"])
        case kind:
            return POLICIES[kind].parse(body)


def workload(meta: Body, spec: Body, address: str) -> WorkloadFacts:
    ports = frozenset(
        ContainerPort(port["name"], Protocol(port.get("protocol", "TCP")), port["containerPort"])
        for port in spec.get("ports", ())
    )
    account = spec.get("serviceAccountName", "default")
    of_pod = labels(meta.get("labels", {}))
    return WorkloadFacts(meta["namespace"], meta["name"], (address,), spec.get("nodeName", ""), of_pod, account, ports)
