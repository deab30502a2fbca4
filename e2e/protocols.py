"""Clients of other protocols than plain HTTP, as a process that runs in a client's namespace: python -m e2e.protocols KIND ADDRESS HOST [COUNT].

gRPC's sockets are made by threads of its own, so a thread that enters the namespace is not enough. Prints one line of JSON.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from e2e.lab import ClientNamespace
from e2e.lab.run import run

SERVICE = "/tulle.echo.v1.Echo"
SECONDS = 30


def ask(client: ClientNamespace, kind: str, address: str, host: str, count: int = 1) -> list[dict[str, Any]]:
    """What came back. `kind`: websocket, grpc (unary) or grpc-stream; `count`: messages."""
    words = client.command(sys.executable, "-m", "e2e.protocols", kind, address, host, str(count))
    answers: list[dict[str, Any]] = json.loads(run(*words).splitlines()[-1])
    return answers


async def websocket(address: str, host: str, count: int) -> list[dict[str, Any]]:
    """What the pod saw, then `count` messages as they came back."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"http://{address}/chat", headers={"Host": host}, timeout=aiohttp.ClientWSTimeout(ws_close=SECONDS)
        ) as socket,
    ):
        answers = [await socket.receive_json(timeout=SECONDS)]
        for number in range(count):
            await socket.send_json({"number": number})
            answers.append(await socket.receive_json(timeout=SECONDS))
    return answers


def _channel(address: str, host: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, [("grpc.default_authority", host), ("grpc.enable_http_proxy", 0)])


async def unary(address: str, host: str, count: int) -> list[dict[str, Any]]:
    async with _channel(address, host) as channel:
        call = channel.unary_unary(f"{SERVICE}/Call", Struct.SerializeToString, Struct.FromString)
        return [MessageToDict(await call(_struct(number=n), timeout=SECONDS)) for n in range(count)]


async def stream(address: str, host: str, count: int) -> list[dict[str, Any]]:
    async with _channel(address, host) as channel:
        call = channel.unary_stream(f"{SERVICE}/Stream", Struct.SerializeToString, Struct.FromString)
        return [MessageToDict(answer) async for answer in call(_struct(count=count, interval="10ms"), timeout=SECONDS)]


def _struct(**fields: Any) -> Struct:
    message = Struct()
    message.update(fields)
    return message


KINDS = {"websocket": websocket, "grpc": unary, "grpc-stream": stream}


def main() -> None:
    kind, address, host, count = sys.argv[1:]
    print(json.dumps(asyncio.run(KINDS[kind](address, host, int(count)))))


if __name__ == "__main__":
    main()
