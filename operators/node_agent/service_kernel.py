"""Brings services into this node's kernel: once both the node's place and all services were told, and with every change.

The programs are linked after the maps are filled, and stay when the agent ends. All of it runs in a thread, as a load takes a
tenth of a second and a full write longer.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from bpf.attachments import CONNECT
from bpf.kernel import Kernel, LoadError, MapFullError
from bpf.maps.services import Counter
from bpf.service_maps import ServiceMaps
from operators.ir.services import Choice, Place, ServicePort
from operators.node_agent.balancing import Balancing
from operators.node_agent.state import State, Update
from operators.node_api.node_pb2 import Place as ToldPlace

log = structlog.get_logger("services")

Choose = Callable[[ServicePort, Place], Choice]


class ServiceKernel:
    def __init__(self, node: str, kernel: Kernel, objects: Path, cgroup: Path, choose: Choose) -> None:
        self.problem: str | None = None  # why nothing is balanced here
        self.writes = 0
        self._node = node
        self._kernel = kernel
        self._objects = objects
        self._cgroup = cgroup
        self._choose = choose
        self._lock = asyncio.Lock()
        self._place: Place | None = None
        self._ports: State[ServicePort] = State()
        self._balancing: Balancing | None = None

    @property
    def balanced(self) -> bool:
        return self._balancing is not None

    def counts(self) -> dict[str, int]:
        """What the programs counted, by name; nothing before they are loaded."""
        if self._balancing is None:
            return {}
        return dict(
            zip((one.name.lower() for one in Counter), self._kernel.counts("counters", len(Counter)), strict=True)
        )

    async def place_told(self, state: State[ToldPlace], _: Update[ToldPlace]) -> dict[str, str]:
        """Apply what was told of nodes' places; of others' there is nothing to tell."""
        told = state.values.get(self._node)
        place = Place(self._node, told.zone, tuple(told.addresses)) if told else Place(self._node)
        async with self._lock:
            if place != self._place:
                self._place, self._balancing = place, None
                await self._begin()
        return {}

    async def ports_told(self, state: State[ServicePort], update: Update[ServicePort]) -> dict[str, str]:
        """Returns which could not be written."""
        async with self._lock:
            self._ports = state
            if self._balancing is None:
                await self._begin()
                return {}
            return await asyncio.to_thread(self._change, self._balancing, update)

    async def _begin(self) -> None:
        """When all is known, and not before: from half of the services the rest would be taken for gone."""
        if self._place is None or not self._ports.complete:
            return
        try:
            self._balancing = await asyncio.to_thread(self._start, self._place, list(self._ports.values.values()))
        except (LoadError, MapFullError, OSError) as error:
            self.problem = str(error)
            log.exception("services are not balanced on this node")
        else:
            self.problem = None

    def _start(self, place: Place, ports: list[ServicePort]) -> Balancing:
        self._kernel.load(self._objects / "connect.o")
        balancing = Balancing(ServiceMaps.of(self._kernel), place, self._choose)
        writes = balancing.start(ports)
        self._kernel.link_all(CONNECT, self._cgroup)
        self.writes += writes
        log.info("services are balanced", ports=len(ports), writes=writes)
        return balancing

    def _change(self, balancing: Balancing, update: Update[ServicePort]) -> dict[str, str]:
        problems: dict[str, str] = {}
        self.writes += balancing.change([], update.removed)
        for name, told in update.added.items():
            try:
                self.writes += balancing.change([told.value])
            except OSError as error:
                problems[name] = str(error)
        return problems
