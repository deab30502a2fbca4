"""A TCP forwarder from the machine's loopback to an address inside a network namespace: python -m e2e.lab.forward PORT NETNS HOST PORT."""

import asyncio
import contextlib
import socket
import sys

from e2e.lab.namespaces import enter_netns

CHUNK = 1 << 16


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(listener: socket.socket, host: str, port: int) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        for end in (writer, there_writer):
            end.close()

    server = await asyncio.start_server(accept, sock=listener)
    await server.serve_forever()


def main() -> None:
    listen, namespace, host, port = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", int(listen)))
    enter_netns(namespace)  # a socket stays where it was made: listen outside, connect inside
    asyncio.run(serve(listener, host, int(port)))


if __name__ == "__main__":
    main()
