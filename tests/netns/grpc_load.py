"""Calls one after the other on a few HTTP/2 connections until its input ends; prints one line of JSON.

Run as a module: `grpc_load.py PORT CHANNELS`. gRPC itself starts a call anew that it had not yet written when it was told to go away.
"""

import asyncio
import json
import sys

import grpc


async def client(port: str, result: dict, stopping: asyncio.Event) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = channel.unary_unary("/test/Slow")
        while not stopping.is_set():
            try:
                await call(b"x")
                result["requests"] += 1
            except grpc.aio.AioRpcError as error:
                result["failures"].append(str(error.details()))


async def main() -> None:
    result, stopping = {"requests": 0, "failures": []}, asyncio.Event()
    clients = [asyncio.create_task(client(sys.argv[1], result, stopping)) for _ in range(int(sys.argv[2]))]
    await asyncio.to_thread(sys.stdin.read)
    stopping.set()
    await asyncio.gather(*clients)
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
