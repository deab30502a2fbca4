"""buildah and mmdebstrap: installed where they are missing and we may."""

import os
import shutil

from e2e.images.paths import STORAGE, UV
from e2e.lab.errors import LabError
from e2e.lab.run import Word, run, succeeds

PROGRAMS = ("buildah", "mmdebstrap")


def ensure() -> None:
    if os.geteuid() != 0:
        raise LabError("building images needs root: they have files of several owners")
    if not UV.exists():
        raise LabError(f"{UV} is missing: run `make setup`")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"install {' and '.join(missing)}; packages of these names are in Debian and Ubuntu")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not all(succeeds("apt-cache", "show", program) for program in missing):
        run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environment)


def buildah(*words: Word) -> str:
    return run(*_command(), *words)


def has_image(reference: str) -> bool:
    return succeeds(*_command(), "inspect", "--type", "image", reference)


def _command() -> list[Word]:
    """A storage of our own, in the cache: the user's images are left alone."""
    return ["buildah", "--root", STORAGE, "--runroot", "/run/tulle-buildah"]
