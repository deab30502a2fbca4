"""`tulle-agent`: the agent's process. Killed or stopped, it leaves the node as it is; started again, it takes over what it finds."""

import asyncio
import contextlib
import signal
import sys
from typing import Annotated

import structlog
import typer

from bpf.kernel import Kernel
from operators import logs
from operators.node_agent.addresses import DeviceError
from operators.node_agent.agent import Agent
from operators.node_agent.devices import Devices
from operators.node_agent.settings import AgentSettings
from operators.settings import LogFormat

log = structlog.get_logger("agent")


def run() -> None:
    """Entry point."""
    typer.run(command)


def command(
    *,
    cleanup: Annotated[
        bool, typer.Option("--cleanup", help="Remove all that Tulle put on this node, and exit.")
    ] = False,
) -> None:
    """Tulle's agent of a node; its settings are TULLE_… variables."""
    if cleanup:
        logs.configure("INFO", LogFormat.CONSOLE)
        sys.exit(asyncio.run(clean_up()))
    settings = AgentSettings()
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(serve(settings))


async def serve(settings: AgentSettings) -> None:
    """Until SIGTERM."""
    async with Devices() as devices:
        running = asyncio.create_task(Agent(settings, devices).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await running
    log.info("stopped; addresses stay")


async def clean_up() -> int:
    """Exit status 1 where something of ours is left."""
    left = 0
    try:
        Kernel(AgentSettings(node_name="").bpf_root).cleanup()
    except OSError as error:
        left = 1
        log.error("programs not removed", error=str(error))  # noqa: TRY400
    async with Devices() as devices:
        for one in (await devices.look()).held:
            if not one.ours:
                continue
            try:
                await devices.remove(one)
                log.info("address removed", address=one.address, device=one.device.name)
            except DeviceError as error:
                left = 1
                log.error("address not removed", address=one.address, device=one.device.name, error=str(error))  # noqa: TRY400
    return left


if __name__ == "__main__":
    run()
