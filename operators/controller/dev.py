"""`kopf run -m operators.ingress --dev`: the ingress controller alone, against any kubeconfig, with an Envoy on this machine."""

import asyncio
import json
import os
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import kopf
import structlog

from operators import logs
from operators.controller.plaintext import Plaintext
from operators.controller.process import Controller
from operators.kube import Kube
from operators.node_agent.envoy_bootstrap import EnvoySettings, bootstrap
from operators.settings import Exposure, LogFormat, Port, Settings
from operators.watches import register

log = structlog.get_logger("dev")

NODE = "dev"


class DevSettings(Settings):
    """What differs on a developer's machine; TULLE_… variables decide as everywhere."""

    exposure: Exposure = Exposure.HOST_NETWORK
    http_port: Port = 10080
    https_port: Port = 10443
    bind_address: str = "127.0.0.1"
    namespace: str = "default"
    log_format: LogFormat = LogFormat.CONSOLE
    dev: bool = True


def install(registry: kopf.OperatorRegistry) -> None:
    """Register the watches now, since Kopf looks for them before anything runs, and the controller with Kopf's start."""
    settings = DevSettings()
    controller = Controller(settings)
    register(registry, controller.watches, controller)
    running: list[asyncio.Task[None]] = []
    stack = AsyncExitStack()

    async def start(**_: object) -> None:
        logs.configure(settings.log_level, settings.log_format)
        controller.start(await stack.enter_async_context(await Kube.connect()), Plaintext())
        running.append(asyncio.create_task(_run(controller), name="controller"))
        print(instructions(settings), flush=True)  # noqa: T201 - what the developer does next

    async def stop(**_: object) -> None:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await stack.aclose()

    kopf.on.startup(registry=registry)(start)
    kopf.on.cleanup(registry=registry)(stop)


async def _run(controller: Controller) -> None:
    """The controller's end is Kopf's end."""
    try:
        await controller.run()
    except Exception:
        log.exception("the controller ended")
        signal.raise_signal(signal.SIGTERM)
        raise


def instructions(settings: DevSettings) -> str:
    path = write_bootstrap(settings)
    return (
        f"\nStart an Envoy beside it:\n\n    envoy -c {path} --base-id 15\n\n"
        f"HTTP is then on port {settings.http_port}, HTTPS on port {settings.https_port}.\n"
    )


def write_bootstrap(settings: DevSettings) -> Path:
    """The bootstrap of a node's Envoy, without TLS to us."""
    folder = Path(tempfile.gettempdir()) / f"tulle-dev-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    address = f"127.0.0.1:{settings.ads_port}"
    envoy = EnvoySettings(NODE, "local", xds_address=address, xds_tls=False, envoy_directory=folder)
    path = folder / "envoy.json"
    path.write_text(json.dumps(bootstrap(envoy), indent=2))
    return path
