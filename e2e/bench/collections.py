"""What one change costs with 10,000 Ingresses, Services and EndpointSlices, and what it costs with 100: the tables as in the controller.

One Ingress, one Service or one EndpointSlice changes; measured is from its arrival in the source to the end of the commit.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from crds.core import EndpointSlice, IngressClass, Service
from crds.ingress import Ingress
from e2e.bench.report import Report, Samples, compare
from operators.collections import Graph
from operators.ingress.options import IngressSettings
from operators.ingress.tables import Mesh, Sources, build

GOAL = 1.5
FEW = 100
META = {"namespace": "bench", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
Change = Callable[[int, int], None]
"""Change object `number` for the `version`th time."""


class World:
    """`size` objects of each kind, committed."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.graph = Graph()
        self.sources = Sources.of(self.graph)
        self.mesh: Mesh = build(self.graph, self.sources, IngressSettings())
        self.sources.ingress_classes.set(IngressClass.parse(ingress_class()))
        for number in range(size):
            self.sources.ingresses.set(Ingress.parse(ingress(number)))
            self.sources.services.set(Service.parse(service(number)))
            self.sources.endpoint_slices.set(EndpointSlice.parse(endpoint_slice(number)))
        self.graph.commit()
        if len(self.mesh.virtual_hosts) < size or len(self.mesh.endpoints) < size or self.graph.failures:
            raise RuntimeError("the benchmark's objects are not served")

    def changes(self) -> dict[str, Change]:
        sources = self.sources
        return {
            "ingress": lambda number, version: sources.ingresses.set(Ingress.parse(ingress(number, version))),
            "service": lambda number, version: sources.services.set(Service.parse(service(number, version))),
            "endpoints": lambda number, version: sources.endpoint_slices.set(
                EndpointSlice.parse(endpoint_slice(number, version))
            ),
        }

    def measure(self, change: Change, versions: "count[int]", samples: int) -> Samples:
        """Microseconds of each commit of one change."""
        found = []
        for sample in range(samples):
            change(sample * 7919 % self.size, next(versions))
            started = time.perf_counter()
            self.graph.commit()
            found.append((time.perf_counter() - started) * 1e6)
        return found


def run(*, quick: bool) -> Report:
    rounds, samples, many = (3, 100, 1_000) if quick else (7, 500, 10_000)
    small, big = World(FEW), World(many)
    gc.collect()
    gc.freeze()  # as the controller does once everything is listed
    versions = count(1)
    reports = [one_kind(kind, small, big, versions, (rounds, samples)) for kind in small.changes()]
    for report in reports:
        print(
            f"{report.name}: {report.ours['p50']} µs of {many}, {report.peers[f'{FEW} objects']['p50']} µs of {FEW}, ratio {report.ratio}"
        )
    return replace(max(reports, key=lambda report: report.ratio), name="collections")


def one_kind(kind: str, small: World, big: World, versions: "count[int]", effort: tuple[int, int]) -> Report:
    """Both sizes in turn, so that whatever disturbs one disturbs the other."""
    rounds, samples = effort
    few: list[Samples] = []
    many: list[Samples] = []
    for _ in range(rounds):
        few.append(small.measure(small.changes()[kind], versions, samples))
        many.append(big.measure(big.changes()[kind], versions, samples))
    return compare(kind, "µs", many, {f"{FEW} objects": few}, GOAL)


def ingress_class() -> dict[str, Any]:
    return {"metadata": {"name": "tulle"}, "spec": {"controller": "tulle.dev/ingress"}}


def ingress(number: int, version: int = 0) -> dict[str, Any]:
    paths = [
        {
            "path": f"/part-{part}-{version if part == 0 else 0}",
            "pathType": "Prefix",
            "backend": {"service": {"name": f"web-{number}", "port": {"name": "http"}}},
        }
        for part in range(3)
    ]
    rule = {"host": f"host-{number}.example.com", "http": {"paths": paths}}
    return {"metadata": META | {"name": f"web-{number}"}, "spec": {"ingressClassName": "tulle", "rules": [rule]}}


def service(number: int, version: int = 0) -> dict[str, Any]:
    ports = [{"name": "http", "port": 1 + version % 60000, "protocol": "TCP"}]
    return {"metadata": META | {"name": f"web-{number}"}, "spec": {"clusterIP": "10.96.0.1", "ports": ports}}


def endpoint_slice(number: int, version: int = 0) -> dict[str, Any]:
    endpoints = [
        {"addresses": [f"10.{part}.{version >> 8 & 255}.{version & 255}"], "conditions": {"ready": True}}
        for part in range(3)
    ]
    labels = {"kubernetes.io/service-name": f"web-{number}"}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    meta = META | {"name": f"web-{number}-x", "labels": labels}
    return {"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
