"""Clients that never pause, and what became of their requests."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp


@dataclass
class Load:
    """`outcomes` counts answers by status, or by the name of the error that came instead."""

    outcomes: Counter[object] = field(default_factory=Counter)
    _answered: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def more(self, number: int) -> None:
        """Wait for so many further answers."""
        wanted = self.outcomes.total() + number
        async with asyncio.timeout(30), self._answered:
            await self._answered.wait_for(lambda: self.outcomes.total() >= wanted)

    async def ask(self, session: aiohttp.ClientSession, url: str, **request) -> None:
        try:
            async with session.request(url=url, **request) as answer:
                await answer.read()
                outcome = answer.status
        except aiohttp.ClientError as error:
            outcome = type(error).__name__
        async with self._answered:
            self.outcomes[outcome] += 1
            self._answered.notify_all()


@asynccontextmanager
async def load(port: int, host: str, clients: int = 8, method: str = "GET", scheme: str = "http", **request):
    """`clients` keep asking, each over a connection of its own; those that are under way at the end are waited for."""
    found, going = Load(), True

    async def client(session: aiohttp.ClientSession) -> None:
        while going:
            await found.ask(session, f"{scheme}://127.0.0.1:{port}/", method=method, headers={"Host": host}, **request)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(client(session))
        try:
            yield found
        finally:
            going = False
