"""Makes the node hold what it should: looks, plans, adds, removes. The same again changes nothing; what others removed comes back."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from operators.node_agent.addresses import Device, DeviceError, Held, Node, plan
from operators.node_api.node_pb2 import Address

log = structlog.get_logger("addresses")


class Kernel(Protocol):
    async def look(self) -> Node: ...
    async def add(self, device: Device, address: str) -> None: ...
    async def remove(self, held: Held) -> None: ...


class Announcing(Protocol):
    def announce(self, device: Device, address: str) -> None: ...
    def forget(self, address: str) -> None: ...


class Reconciler:
    def __init__(self, kernel: Kernel, announcer: Announcing, own_address: str) -> None:
        self.held: dict[str, Device] = {}  # addresses that are as they should be, after the last round
        self.problems: dict[str, str] = {}  # by resource name, of the last round
        self._kernel = kernel
        self._announcer = announcer
        self._own = own_address
        self._lock = asyncio.Lock()

    async def round(self, wanted: Mapping[str, Address], *, prune: bool) -> dict[str, str]:
        """Returns what could not be done, by resource name."""
        async with self._lock:
            todo = plan(wanted, await self._kernel.look(), self._own, prune=prune)
            problems = dict(todo.problems)
            held = {one.address: one.device for one in todo.kept}
            for one in todo.adds:
                problem = await self._add(one.device, one.address)
                if problem:
                    problems[one.name] = problem
                else:
                    held[one.address] = one.device
            for leaving in todo.removes:
                await self._remove(leaving, moved=leaving.address in held)
            self.held, self.problems = held, problems
            return problems

    def announce_on(self, device: Device) -> None:
        """The device came up: whoever is behind it may have forgotten us."""
        for address, where in self.held.items():
            if where.index == device.index:
                self._announcer.announce(device, address)

    async def _add(self, device: Device, address: str) -> str | None:
        try:
            await self._kernel.add(device, address)
        except DeviceError as error:
            return str(error)
        log.info("address assigned", address=address, device=device.name)
        self._announcer.announce(device, address)
        return None

    async def _remove(self, held: Held, *, moved: bool) -> None:
        if not moved:
            self._announcer.forget(held.address)
        try:
            await self._kernel.remove(held)
        except DeviceError as error:  # tried again in the next round
            log.error("address not removed", address=held.address, device=held.device.name, error=str(error))  # noqa: TRY400
        else:
            log.info("address removed", address=held.address, device=held.device.name)
