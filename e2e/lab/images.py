"""The images that every node needs: pause and CoreDNS."""

import hashlib
from pathlib import Path

from e2e.lab import oci
from e2e.lab.build import COREDNS
from e2e.lab.paths import HERE, IMAGES
from e2e.lab.run import run

PAUSE = "tulle.local/pause:1"
DNS = "tulle.local/coredns:1.12.4"


def ensure() -> list[Path]:
    """Their archives, made where they are missing."""
    return [_pause(), _dns()]


def _pause() -> Path:
    source = HERE / "go/pause/pause.c"
    target = IMAGES / f"pause-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}.tar"
    if not target.exists():
        binary = target.with_suffix(".bin")
        IMAGES.mkdir(parents=True, exist_ok=True)
        run("gcc", "-Os", "-static", "-s", "-o", binary, source)
        oci.write(oci.Image(PAUSE, {"/pause": binary}, ("/pause",), user="65535:65535"), target)
        binary.unlink()
    return target


def _dns() -> Path:
    target = IMAGES / f"{COREDNS.folder.name}.tar"
    if not target.exists():
        oci.write(oci.Image(DNS, {"/coredns": COREDNS.folder / "coredns"}, ("/coredns",)), target)
    return target
