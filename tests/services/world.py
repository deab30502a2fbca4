"""Objects as YAML → what nodes balance, as main would build it; for cases and tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crds.core import Node
from crds.services import EndpointSlice, Service
from operators.collections import Graph
from operators.services.tables import Balance, NodeBalance, Sources, build, build_node

MODELS = {"Service": Service, "EndpointSlice": EndpointSlice, "Node": Node}
FIELDS = {"Service": "services", "EndpointSlice": "endpoint_slices", "Node": "nodes"}


@dataclass(frozen=True, slots=True)
class World:
    graph: Graph
    sources: Sources
    balance: Balance
    nodes: dict[str, NodeBalance] = field(default_factory=dict)

    @classmethod
    def of(cls, *nodes: str) -> "World":
        """With what each of `nodes` makes of it."""
        graph = Graph()
        sources = Sources.of(graph)
        balance = build(graph, sources)
        return cls(
            graph,
            sources,
            balance,
            {node: build_node(graph, balance.ports, balance.places, node) for node in nodes},
        )

    def set(self, *bodies: Mapping[str, Any]) -> None:
        for body in bodies:
            getattr(self.sources, FIELDS[body["kind"]]).set(MODELS[body["kind"]].parse(body))

    def delete(self, kind: str, key: str) -> None:
        getattr(self.sources, FIELDS[kind]).delete(key)

    def commit(self) -> None:
        self.graph.commit()
        assert not self.graph.failures, self.graph.failures

    def state(self) -> dict[str, tuple[Any, ...]]:
        """All tables."""
        shared = {name: getattr(self.balance, name).values() for name in Balance.__slots__}
        own = {
            f"{name} of {node}": getattr(tables, name).values()
            for node, tables in self.nodes.items()
            for name in NodeBalance.__slots__
        }
        return shared | own


def world(*bodies: Mapping[str, Any], nodes: tuple[str, ...] = ()) -> World:
    made = World.of(*nodes)
    made.set(*bodies)
    made.commit()
    return made
