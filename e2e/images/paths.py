"""Where things are: sources in the checkout, everything that is made of them in the cache."""

import tomllib
from pathlib import Path

from e2e.lab.paths import CACHE, IMAGES

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "deploy/containers"
WORK = IMAGES / "work"  # what was fetched and compiled for images, by content
STORAGE = CACHE / "buildah"
UV = CACHE / "uv/bin/uv"

__all__ = ["CACHE", "CONTAINERS", "IMAGES", "ROOT", "STORAGE", "UV", "WORK", "version"]


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
