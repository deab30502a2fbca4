"""A TCP proxy on loopback whose connections can be cut, slowed down, or frozen so that neither side learns anything."""

import asyncio
from typing import Self


class Wire:
    def __init__(self, port: int) -> None:
        self._target = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()
        self._freezing = False
        self._refusing = False
        self._delay = 0.0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.thaw()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End every connection at once, as a load balancer that restarts; new ones go through."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self, *, new: bool = False) -> None:
        """Let every connection that is there now stand still for ever; also `new` ones, or they go through."""
        self._frozen |= self._writers
        self._freezing = new

    def slow(self, seconds: float) -> None:
        """Whatever is sent arrives so much later."""
        self._delay = seconds

    def refuse(self) -> None:
        """End every connection and take no more."""
        self._refusing = True
        self.cut()

    def accept(self) -> None:
        self._refusing = False

    def thaw(self) -> None:
        self._frozen.clear()
        self._freezing = False
        self._refusing = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        if self._freezing:
            self._frozen |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await asyncio.sleep(self._delay)
                if sink not in self._frozen:
                    sink.write(data)
                    await sink.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            sink.close()
            self._writers.discard(sink)
