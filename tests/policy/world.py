"""Objects as YAML → policies and the ends of connections; for cases and tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from crds.mesh_policy import ClusterMeshPolicy, MeshPolicy
from crds.network_policy import NetworkPolicy
from operators.ir.policy import (
    ContainerPort,
    Decision,
    Direction,
    End,
    Entity,
    Judgement,
    Packet,
    Policy,
    Protocol,
    Workload,
    decide,
)
from operators.policy.mesh_policies import cluster_mesh_policy, mesh_policy
from operators.policy.network_policies import network_policy
from operators.policy.reading import Reading

Body = Mapping[str, Any]
KINDS = {
    "NetworkPolicy": lambda body: network_policy(NetworkPolicy.parse(body)),
    "MeshPolicy": lambda body: mesh_policy(MeshPolicy.parse(body)),
    "ClusterMeshPolicy": lambda body: cluster_mesh_policy(ClusterMeshPolicy.parse(body)),
}


@dataclass(slots=True)
class World:
    """`ends` by name: a pod's is `namespace/name`, a node's its own; what is an address is that address of the world."""

    readings: list[Reading] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)

    @classmethod
    def of(cls, bodies: Iterable[Body]) -> "World":
        world = cls()
        namespaces = {}
        nodes = {}
        for body in bodies:
            meta = body["metadata"]
            match body["kind"]:
                case "Namespace":
                    namespaces[meta["name"]] = namespace_labels(meta)
                case "Node":
                    nodes[meta["name"]] = body["address"]
                    world.ends[meta["name"]] = node(meta["name"], body["address"])
                case "Pod":
                    world.ends[key_of(meta)] = pod(body, namespaces[meta["namespace"]], nodes)
                case "End":
                    world.ends[meta["name"]] = other(body, namespaces)
                case kind:
                    world.readings.append(KINDS[kind](body))
        return world

    @property
    def policies(self) -> tuple[Policy, ...]:
        return tuple(reading.policy for reading in self.readings if reading.policy is not None)

    def end(self, name: str) -> End:
        return self.ends[name] if name in self.ends else End(ip_address(name))

    def ask(self, source: str, destination: str, port: str) -> Decision:
        """`port` is written `TCP/80`, or `ICMP`."""
        protocol, _, number = port.partition("/")
        return decide(self.policies, packet(self, source, destination, protocol, int(number or 0)))


def packet(world: World, source: str, destination: str, protocol: str, port: int) -> Packet:
    return Packet(world.end(source), world.end(destination), Protocol(protocol), port)


def key_of(meta: Body) -> str:
    return f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]


def labels(given: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def namespace_labels(meta: Body) -> frozenset[tuple[str, str]]:
    """The API server gives every namespace its name as a label."""
    return labels({"kubernetes.io/metadata.name": meta["name"]} | meta.get("labels", {}))


def node(name: str, address: str) -> End:
    return End(ip_address(address), node=name, is_node=True)


def pod(body: Body, of_namespace: frozenset[tuple[str, str]], nodes: Mapping[str, str]) -> End:
    meta, spec = body["metadata"], body["spec"]
    if spec.get("hostNetwork"):
        return node(spec["nodeName"], nodes[spec["nodeName"]])
    workload = Workload(
        meta["namespace"],
        labels(meta.get("labels", {})),
        of_namespace,
        spec.get("serviceAccountName", "default"),
        frozenset(
            ContainerPort(port["name"], Protocol(port.get("protocol", "TCP")), port["containerPort"])
            for port in spec.get("ports", ())
        ),
    )
    services = frozenset(body.get("services", ()))
    return End(ip_address(body["address"]), workload, spec.get("nodeName", ""), services=services)


def other(body: Body, namespaces: Mapping[str, frozenset[tuple[str, str]]]) -> End:
    """What is neither pod nor node."""
    given = body.get("workload")
    workload = None
    if given:
        of_namespace = namespaces[given["namespace"]]
        account = given.get("account", "default")
        workload = Workload(
            given["namespace"], labels(given.get("labels", {})), of_namespace, account=account, external=True
        )
    return End(
        ip_address(body["address"]),
        workload,
        reserved=frozenset(Entity(name) for name in body.get("reserved", ())),
        names=frozenset(body.get("names", ())),
        services=frozenset(body.get("services", ())),
    )


def told(decision: Decision) -> str:
    """One line: the verdict, who decided, and what would be if Audit policies were enforced."""
    words = [_judged(decision.deciding, _direction(decision))]
    words += [f"(audit: {_judged(finding.judgement, finding.direction)})" for finding in decision.audit]
    return " ".join(words)


def _direction(decision: Decision) -> Direction:
    return Direction.EGRESS if decision.deciding is decision.egress else Direction.INGRESS


def _judged(judgement: Judgement, direction: Direction) -> str:
    words = [judgement.verdict.value]
    if judgement.origin is not None or judgement.passed:
        words.append(f"{direction.value}:")
        words += [f"passed by {origin};" for origin in judgement.passed]
        words.append(str(judgement.origin) if judgement.origin is not None else "nothing said")
    if judgement.log:
        words.append("logged")
    return " ".join(words)
