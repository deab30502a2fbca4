"""The controller's process: `tulle-controller` in a cluster, or `kopf run -m operators.ingress --dev` on a developer's machine."""

import asyncio
import signal
import sys
from collections.abc import Iterable

import kopf
import structlog

from operators import logs
from operators.ca.identity import MeshAuthority
from operators.controller.dev import install
from operators.controller.mtls import MutualTls
from operators.controller.process import Controller, identity
from operators.kube import Kube
from operators.settings import Settings
from operators.watches import register

log = structlog.get_logger("main")


def run() -> None:
    """Entry point. Exit status 1 where something was beyond repair, so that Kubernetes starts the process again and it shows."""
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(serve(settings))
    except Exception as error:
        for reason in leaves(error):
            log.critical("beyond repair", error=str(reason) or repr(reason), exc_info=reason)
        sys.exit(1)


def develop(registry: kopf.OperatorRegistry) -> None:
    """The controller of Ingress in Kopf's own process, for developers."""
    install(registry)


async def serve(settings: Settings) -> None:
    """Until SIGTERM, or until something is beyond repair."""
    controller = Controller(settings)
    async with await Kube.connect() as kube, MeshAuthority.running(settings, kube) as authority:
        controller.start(kube, MutualTls(settings, authority))
        await beside_kopf(controller)


async def beside_kopf(controller: Controller) -> None:
    """Kopf and the controller in one loop; whoever ends, ends the other."""
    registry = kopf.OperatorRegistry()
    register(registry, controller.watches, controller)
    stop_kopf, stopping = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(controller.run(), name="controller")
    signals = asyncio.create_task(_signals(controller, stopping), name="signals")
    # Kopf believes that every task made after its start is its own, and cancels them when it stops; so it is started last and stopped last
    # Named by us, as Kopf would look for the user's name, which a container's user may not have
    operator = kopf.operator(
        registry=registry,
        clusterwide=True,
        standalone=True,
        stop_flag=stop_kopf,
        identity=identity(controller.settings),  # type: ignore[arg-type]
    )
    watching = asyncio.create_task(operator, name="kopf")
    try:
        await asyncio.wait({running, watching, signals}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        signals.cancel()
        running.cancel()
        outcome = await asyncio.gather(running, signals, return_exceptions=True)
        stop_kopf.set()
        await watching
    _raise(outcome)


async def _signals(controller: Controller, stopping: asyncio.Event) -> None:
    """Return at SIGTERM. Kopf installs its own handlers when it starts; from the sync on they are ours, so that we end in our order."""
    await controller.synced.wait()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await stopping.wait()
    log.info("stopping")


def _raise(outcome: Iterable[object]) -> None:
    for one in outcome:
        if isinstance(one, Exception):
            raise one


def leaves(error: BaseException) -> Iterable[BaseException]:
    """The errors inside of groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error
