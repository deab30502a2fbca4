"""Requests per second through our ingress, against the same Envoy with the least configuration that forwards; nginx and haproxy beside.

Everything is on loopback: the proxy on the first processor with one worker, wrk and the backend on the second. The rounds of all
proxies are interleaved. `ours` is our whole way: API objects, tables, emitters, delta ADS, the node's bootstrap.
"""

import asyncio
import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from crds.core import EndpointSlice, IngressClass, Service
from crds.ingress import Ingress
from e2e.bench.proxies import (
    envoy_command,
    envoy_minimal,
    haproxy,
    nginx_backend,
    nginx_proxy,
    running,
    workspace,
)
from e2e.bench.report import Report
from e2e.bench.wrk import Sample, measure
from e2e.ports import free_port
from envoy_xds.cache import Views
from envoy_xds.emit import emit
from envoy_xds.server import AdsServer, new_server
from operators.collections import Graph
from operators.ingress.options import IngressSettings
from operators.ingress.tables import Sources, build
from operators.node_agent.envoy_bootstrap import EnvoySettings, bootstrap
from operators.settings import Exposure

GOAL = 0.97
HOST = "bench.example"
PROXY_CPU, LOAD_CPU = 0, 1
META = {"name": "bench", "namespace": "bench", "creationTimestamp": "2026-01-01T00:00:00Z"}

Command = list[str | Path]
Samples = Mapping[tuple[str, int], list[Sample]]


def run(*, quick: bool) -> Report:
    connections, rounds, seconds = ((32,), 3, 1.0) if quick else ((1, 32, 256), 7, 3.0)
    samples = asyncio.run(_measure(connections, rounds, seconds))
    for (name, count), found in sorted(samples.items()):
        print(f"{name:8} {count:4} connections: {_rps(found):8.0f} requests/s, p99 {_p99(found):.2f} ms")
    return _report(samples, connections, rounds)


async def _measure(connections: tuple[int, ...], rounds: int, seconds: float) -> Samples:
    samples: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(workspace())
        upstream = free_port()
        stack.enter_context(running(nginx_backend(folder, upstream), upstream, LOAD_CPU))
        ports = {"ours": await stack.enter_async_context(_ours(folder, upstream))}
        peers: dict[str, Callable[[Path, int, int], Command]] = {
            "minimal": envoy_minimal,
            "nginx": nginx_proxy,
            "haproxy": haproxy,
        }
        for name, make in peers.items():
            ports[name] = free_port()
            stack.enter_context(running(make(folder, ports[name], upstream), ports[name], PROXY_CPU))
        for number in range(rounds):
            for count in connections:
                # whoever goes first in a round changes, so that a drift of the machine hits all alike
                for name in sorted(ports, key=lambda one: (list(ports).index(one) + number) % len(ports)):
                    found = await asyncio.to_thread(measure, ports[name], HOST, count, seconds, LOAD_CPU)
                    samples[name, count].append(found)
    return samples


@asynccontextmanager
async def _ours(folder: Path, upstream: int) -> AsyncIterator[int]:
    """Our control plane in this process, and an Envoy that it configures; yields the port of the ingress."""
    port = free_port()
    views = Views(lambda _: None)
    emit(_tables(upstream, port), views.cache("ingress"))
    server = new_server()
    ads = AdsServer(views, lambda _, __: ("ingress", "bench"), lambda _: None)
    ads.register(server)
    xds = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = EnvoySettings("bench", "bench", xds_address=f"127.0.0.1:{xds}", xds_tls=False, envoy_directory=folder)
    config = folder / "ours.json"
    config.write_text(json.dumps(bootstrap(settings)))
    try:
        with await asyncio.to_thread(_entered, running(envoy_command(config), port, PROXY_CPU)) as _:
            yield port
    finally:
        await ads.stop(server, grace=0)


def _entered(context):
    """Enter a context in a thread, since it waits for a port that this loop must help to open; leave it anywhere."""
    context.__enter__()

    @contextmanager
    def leaving():
        try:
            yield
        finally:
            context.__exit__(None, None, None)

    return leaving()


def _tables(upstream: int, port: int):
    graph = Graph()
    sources = Sources.of(graph)
    tables = build(
        graph, sources, IngressSettings(exposure=Exposure.HOST_NETWORK, http_port=port, https_port=free_port())
    )
    controller = {"metadata": {"name": "tulle"}, "spec": {"controller": "tulle.dev/ingress"}}
    backend = {"service": {"name": "bench", "port": {"number": 80}}}
    rules = [{"host": HOST, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    labels = {"labels": {"kubernetes.io/service-name": "bench"}}
    sources.ingress_classes.set(IngressClass.parse(controller))
    sources.ingresses.set(Ingress.parse({"metadata": META, "spec": {"ingressClassName": "tulle", "rules": rules}}))
    sources.services.set(Service.parse({"metadata": META, "spec": {"ports": [{"port": 80}]}}))
    endpoints = {
        "endpoints": [{"addresses": ["127.0.0.1"]}],
        "ports": [{"name": "", "port": upstream, "protocol": "TCP"}],
    }
    sources.endpoint_slices.set(EndpointSlice.parse({"metadata": META | labels, "addressType": "IPv4"} | endpoints))
    graph.commit()
    return tables


def _report(samples: Samples, connections: tuple[int, ...], rounds: int) -> Report:
    """The ratio is the worst over the numbers of connections, each the median of its rounds' ratios."""

    def figures(name: str) -> dict[str, float]:
        return {
            f"{what}_{count}": value for count in connections for what, value in _figures(samples[name, count]).items()
        }

    ratio = min(_ratio(samples["ours", count], samples["minimal", count]) for count in connections)
    return Report(
        name="ingress-rps",
        unit="requests/s (p99 in ms), by connections",
        ours=figures("ours"),
        peers={name: figures(name) for name in ("minimal", "nginx", "haproxy")},
        ratio=round(ratio, 3),
        goal=f"ratio of rps to the minimal Envoy >= {GOAL}",
        holds=ratio >= GOAL,
        runs=rounds,
        kernel=platform.release(),
        cpus=os.cpu_count() or 1,
    )


def _ratio(ours: list[Sample], theirs: list[Sample]) -> float:
    return statistics.median(mine.rps / other.rps for mine, other in zip(ours, theirs, strict=True))


def _figures(samples: list[Sample]) -> dict[str, float]:
    return {"rps": round(_rps(samples)), "p99": round(_p99(samples), 3)}


def _rps(samples: list[Sample]) -> float:
    return statistics.median(sample.rps for sample in samples)


def _p99(samples: list[Sample]) -> float:
    return statistics.median(sample.p99 for sample in samples)
