"""Load on one address from a process of its own: counts what was answered, and says every failure.

Run as a module: `load.py PORT KEEPALIVE FRESH PATH...`; ends when its input ends, then prints one line of JSON. A connection
that the server announced to close is not used again; any other end of a connection is a failure.
"""

import asyncio
import json
import random
import sys


class Tally:
    def __init__(self) -> None:
        self.requests = self.connections = self.closed_by_announcement = 0
        self.failures: list[str] = []
        self.served: dict[str, int] = {}
        self.stopping = False


async def ask(reader, writer, path: str, tally: Tally) -> bool:
    """One request; whether the connection may be used again."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
    body = (await reader.readexactly(length)).decode()
    if not head.startswith("http/1.1 200"):
        raise ValueError(head.split("\r\n", 1)[0])
    tally.requests += 1
    who = head.partition("\nx-served-by:")[2].split("\r\n", 1)[0].strip() or body
    tally.served[who] = tally.served.get(who, 0) + 1
    return "connection: close" not in head


async def client(port: int, paths: list[str], keep: bool, tally: Tally) -> None:
    while not tally.stopping:
        stage = "connect"
        count = 0
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            tally.connections += 1
            again = True
            while again and not tally.stopping:
                stage = f"request {count}"
                again = await ask(reader, writer, random.choice(paths), tally) and keep
                count += 1
            tally.closed_by_announcement += keep and not again
            writer.close()
        except (OSError, EOFError, ValueError) as error:
            tally.failures.append(f"{'keep' if keep else 'fresh'} {stage}: {error!r}")
            await asyncio.sleep(0)


async def main() -> None:
    port, keepalive, fresh = (int(one) for one in sys.argv[1:4])
    tally = Tally()
    tasks = [
        asyncio.create_task(client(port, sys.argv[4:], keep, tally))
        for keep, number in ((True, keepalive), (False, fresh))
        for _ in range(number)
    ]
    await asyncio.to_thread(sys.stdin.read)
    tally.stopping = True
    await asyncio.gather(*tasks)
    sys.stdout.write(json.dumps(vars(tally)))


if __name__ == "__main__":
    asyncio.run(main())
