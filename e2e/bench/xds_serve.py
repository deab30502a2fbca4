"""Our server as a process of its own, with the same commands and resources as the Go peer's `serve`."""

import asyncio
import gc
import json
import sys
import time

from envoy_xds.api import encode, message
from envoy_xds.cache import Views
from envoy_xds.events import Acked, Event
from envoy_xds.ledger import Ledger
from envoy_xds.order import CDS, EDS
from envoy_xds.resource import Resource, simple
from envoy_xds.server import AdsServer, new_server
from operators.ir.refs import ObjectRef

Cluster = message("envoy.config.cluster.v3.Cluster")
Endpoints = message("envoy.config.endpoint.v3.ClusterLoadAssignment")


def service(number: int) -> str:
    return f"default/svc-{number}:80"


def owner(number: int) -> frozenset[ObjectRef]:
    return frozenset({ObjectRef("Ingress", "default", f"svc-{number}")})


def cluster(number: int) -> Resource:
    ads = {"ads": {}, "resource_api_version": "V3"}
    value = Cluster(
        name=service(number), type="EDS", connect_timeout={"seconds": 1}, eds_cluster_config={"eds_config": ads}
    )
    return simple(CDS, service(number), encode(value), owner(number))


def endpoints(number: int, stamp: int) -> Resource:
    address = f"10.{stamp & 255}.{number >> 8 & 255}.{number & 255}"
    host = {"address": {"socket_address": {"address": address, "port_value": 8080}}, "hostname": f"at={stamp};"}
    value = Endpoints(cluster_name=service(number), endpoints=[{"lb_endpoints": [{"endpoint": host}]}])
    return simple(EDS, service(number), encode(value), owner(number))


class Bench:
    def __init__(self, services: int) -> None:
        self.services = services
        self.turn = 0
        self.acked = asyncio.get_running_loop().create_future()
        self.ledger = Ledger(lambda refs: None)
        self.views = Views(self.ledger.handle)
        self.ads = AdsServer(self.views, lambda context, node: ("bench", node.id), self.observe)
        numbers = range(services)
        self.views.cache("bench").apply([cluster(n) for n in numbers] + [endpoints(n, 0) for n in numbers])

    def observe(self, event: Event) -> None:
        if isinstance(event, Acked) and event.type_url == EDS and not self.acked.done():
            self.acked.set_result(time.perf_counter())
        self.ledger.handle(event)

    def change(self) -> None:
        self.turn += 1
        self.views.cache("bench").apply([endpoints(self.turn % self.services, time.time_ns())])

    async def timed(self) -> float:
        await asyncio.sleep(0.02)
        self.acked = asyncio.get_running_loop().create_future()
        begin = time.perf_counter()
        self.change()
        return (await self.acked - begin) * 1e3

    async def obey(self, words: list[str]) -> dict[str, object]:
        if words[0] == "touch":
            self.change()
            return {}
        if self.turn == 0:
            gc.collect()
            gc.freeze()  # as the controller does once its first state is complete
        return {"ms": [await self.timed() for _ in range(int(words[1]))]}


async def main(services: int) -> None:
    bench = Bench(services)
    server = new_server()
    bench.ads.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    say({"port": port})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        say(await bench.obey(line.decode().split()))
    await bench.ads.stop(server, grace=0)


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
