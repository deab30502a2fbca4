"""`tulle-envoy`: starts the node's Envoy and ends it so that nobody notices. Standard library only: it runs in Envoy's image.

The end, in this order: it reports that it is not ready and tells clients with every answer to connect anew (`Connection: close`,
GOAWAY); it goes on accepting for a while, for whoever still comes; it closes its listeners, whose waiting connections the
kernel hands to the Envoy that shares the port (`net.ipv4.tcp_migrate_req`); it waits for the connections that are left.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from typing import Any

from operators.node_agent.envoy_admin import Admin, AdminUnreachable
from operators.node_agent.envoy_bootstrap import EnvoySettings, bootstrap

LOOK = 0.25  # seconds between two looks at what is still open


def run() -> None:
    parser = argparse.ArgumentParser("tulle-envoy", description="Run Envoy for Tulle.")
    parser.add_argument("--ready", action="store_true", help="exit with status 0 if this pod's Envoy takes traffic")
    parser.add_argument("--print", action="store_true", help="print the bootstrap and exit")
    arguments = parser.parse_args()
    try:
        settings = EnvoySettings.read(os.environ)
    except ValueError as error:
        parser.error(str(error))
    if arguments.print:
        sys.stdout.write(json.dumps(bootstrap(settings), indent=2) + "\n")
    elif arguments.ready:
        sys.exit(ready(settings))
    else:
        sys.exit(asyncio.run(Launcher(settings).run()))


def ready(settings: EnvoySettings) -> int:
    try:
        reason = Admin(settings.admin_socket).not_ready()
    except AdminUnreachable as error:
        reason = str(error)
    if reason:
        say(reason)
    return 1 if reason else 0


class Launcher:
    def __init__(self, settings: EnvoySettings) -> None:
        self._settings = settings
        self._admin = Admin(settings.admin_socket)
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> int:
        """Until Envoy ends; its exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal)
        envoy = await asyncio.create_subprocess_exec(*command(self._settings))
        ended, stopping = asyncio.ensure_future(envoy.wait()), asyncio.ensure_future(self._stopping.wait())
        started: set[asyncio.Future[Any]] = {ended, stopping}
        await asyncio.wait(started, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await self._drain(ended)
        stopping.cancel()
        if not ended.done():
            envoy.terminate()
        return await ended

    def _signal(self) -> None:
        """A second one means: now."""
        (self._hurry if self._stopping.is_set() else self._stopping).set()

    async def _drain(self, ended: "asyncio.Future[int]") -> None:
        """Return when nobody is connected any more, time is up, or Envoy is gone."""
        try:
            await asyncio.to_thread(self._admin.post, "/healthcheck/fail")
            say("draining: answers tell clients to connect anew")
            await self._pause(self._settings.linger_seconds, ended)
            await asyncio.to_thread(self._admin.post, "/drain_listeners")
            say("listeners are closed")
            await self._until_idle(ended)
        except AdminUnreachable as error:
            say(f"drain given up: {error}")

    async def _until_idle(self, ended: "asyncio.Future[int]") -> None:
        end = time.monotonic() + self._settings.drain_seconds
        while time.monotonic() < end and not ended.done() and not self._hurry.is_set():
            left = await asyncio.to_thread(self._admin.connections)
            if not left:
                say("nobody is connected any more")
                return
            await self._pause(LOOK, ended)
        say("time is up: what is left is cut")

    async def _pause(self, seconds: float, ended: "asyncio.Future[int]") -> None:
        hurry = asyncio.ensure_future(self._hurry.wait())
        waited: set[asyncio.Future[Any]] = {hurry, ended}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()


def command(settings: EnvoySettings) -> list[str]:
    """Write the bootstrap; how to start Envoy with it."""
    settings.envoy_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.admin_socket.unlink(missing_ok=True)  # of a container before us in this pod
    path = settings.envoy_directory / "bootstrap.json"
    path.write_text(json.dumps(bootstrap(settings), indent=2), encoding="utf-8")
    arguments = [settings.envoy_binary, "-c", str(path), "--disable-hot-restart", "-l", settings.log_level]
    return [*arguments, "--concurrency", str(settings.concurrency)] if settings.concurrency else arguments


def say(text: str) -> None:
    sys.stdout.write(f"tulle-envoy: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
