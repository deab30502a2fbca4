"""The base of our images: Debian's smallest with Python and the public certificate authorities, from Debian's packages."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from e2e.images.content import digest
from e2e.images.paths import IMAGES
from e2e.images.tools import buildah, has_image
from e2e.lab.run import run

SUITE = "bookworm"
NAME = f"tulle.local/base:{SUITE}"
PACKAGES = ("python3", "ca-certificates")
NOT_NEEDED = ("doc", "man", "locale", "info", "lintian", "bash-completion")  # of /usr/share


def options() -> list[str]:
    """Of mmdebstrap."""
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in NOT_NEEDED]
    kept = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    clean = '--customize-hook=rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/var/log/*'
    return ["--variant=minbase", f"--include={','.join(PACKAGES)}", *left_out, kept, clean]


def reference() -> str:
    return f"{NAME}-{digest(IMAGES, (), SUITE, *options())}"


def ensure(report: Callable[[str], None]) -> str:
    """Its name in buildah's storage, made first where it is missing."""
    image = reference()
    if not has_image(image):
        report(f"building {image} from Debian's packages (half a minute)")
        with tempfile.TemporaryDirectory(dir=IMAGES) as folder:
            root = Path(folder) / "root.tar"
            run("mmdebstrap", *options(), SUITE, root)
            _commit(root, image)
    return image


def _commit(root: Path, image: str) -> None:
    container = buildah("from", "scratch")
    try:
        buildah("add", "--quiet", container, root, "/")
        buildah("config", "--cmd", "/bin/sh", container)
        buildah("commit", "--quiet", container, image)
        buildah("tag", image, NAME)
    finally:
        buildah("rm", container)
