"""buildah and mmdebstrap: installed where they are missing and we may."""

import os
import shutil

from e2e.images.paths import STORAGE, UV
from e2e.lab.errors import LabError
from e2e.lab.requirements import install
from e2e.lab.run import Word, run, succeeds

PROGRAMS = ("buildah", "mmdebstrap")


def ensure() -> None:
    if os.geteuid() != 0:
        raise LabError("building images needs root: they have files of several owners")
    if not UV.exists():
        raise LabError(f"{UV} is missing: run `make setup`")
    install([program for program in PROGRAMS if shutil.which(program) is None])


def buildah(*words: Word) -> str:
    return run(*_command(), *words)


def has_image(reference: str) -> bool:
    return succeeds(*_command(), "inspect", "--type", "image", reference)


def _command() -> list[Word]:
    """A storage of our own, in the cache: the user's images are left alone."""
    return ["buildah", "--root", STORAGE, "--runroot", "/run/tulle-buildah"]
