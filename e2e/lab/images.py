"""The images that every node needs: pause and CoreDNS."""

import hashlib
import tempfile
from pathlib import Path

from e2e.lab import oci
from e2e.lab.build import COREDNS
from e2e.lab.paths import HERE, IMAGES
from e2e.lab.run import run

PAUSE = "tulle.local/pause:1"
DNS = f"tulle.local/coredns:{COREDNS.version_of('github.com/coredns/coredns').removeprefix('v')}"


def ensure() -> list[Path]:
    """Their archives, made where they are missing."""
    return [_pause(), _dns()]


def _pause() -> Path:
    source = HERE / "go/pause/pause.c"
    target = IMAGES / f"pause-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}.tar"
    if not target.exists():
        with tempfile.TemporaryDirectory() as work:
            binary = Path(work, "pause")
            run("gcc", "-Os", "-static", "-s", "-o", binary, source)
            oci.write(oci.Image(PAUSE, {"/pause": binary}, ("/pause",), user="65535:65535"), target)
    return target


def _dns() -> Path:
    target = IMAGES / f"{COREDNS.folder.name}.tar"
    if not target.exists():
        oci.write(oci.Image(DNS, {"/coredns": COREDNS.folder / "coredns"}, ("/coredns",)), target)
    return target
