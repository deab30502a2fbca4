"""The forwarder: bytes both ways, a half-closed connection stays open the other way, a dead target costs one connection only."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from e2e.lab import forward


@contextlib.asynccontextmanager
async def forwarder(target: int) -> AsyncIterator[int]:
    """Its port, in front of another."""
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(forward.serve(listener, "127.0.0.1", target))
    try:
        yield listener.getsockname()[1]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers only once the other side has said all."""
    writer.write((await reader.read()).upper())
    writer.close()


async def test_the_answer_comes_after_the_question_was_closed():
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server, forwarder(server.sockets[0].getsockname()[1]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello" * 100_000)
        writer.write_eof()

        assert await reader.read() == b"HELLO" * 100_000
        writer.close()


async def test_a_target_that_refuses_closes_the_connection_and_the_next_is_served():
    nobody = socket.create_server(("127.0.0.1", 0))
    port_of_nobody = nobody.getsockname()[1]
    nobody.close()
    async with forwarder(port_of_nobody) as port:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
