"""From recipes to archives. What has an archive of the same content is not built again; buildah keeps the layers that did not change."""

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.images import base, tools
from e2e.images.paths import IMAGES, WORK, version
from e2e.images.recipes import RECIPES, Recipe
from e2e.images.tools import buildah

NAMES = tuple(RECIPES)
KEPT = 2  # archives of each image: the newest, and one that somebody may just be reading

Report = Callable[[str], None]


def reference(name: str) -> str:
    """What pods call the image."""
    return f"tulle.local/{name}:{version()}"


def build(names: Iterable[str] = NAMES, report: Report = print) -> dict[str, Path]:
    """The archive of each image, made where it is missing."""
    with _alone():
        return {name: _build(RECIPES[name], report) for name in names}


@contextmanager
def _alone() -> Iterator[None]:
    """Two builds at once would make the same thing twice, in the same folders."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (IMAGES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, report: Report) -> Path:
    archive = IMAGES / f"{recipe.name}-{recipe.key(base.reference(), reference(recipe.name))}.tar"
    if not archive.exists():
        tools.ensure()
        base_image = base.ensure(report) if recipe.based else "scratch"
        report(f"building {reference(recipe.name)}")
        _make(recipe, base_image, archive)
        _forget_older(recipe.name)
    return archive


def _make(recipe: Recipe, base_image: str, archive: Path) -> None:
    context = WORK / "context" / recipe.name
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    recipe.prepare(context)
    image = reference(recipe.name)
    settings = ["--isolation", "chroot", "--network", "host", "--layers", "--pull-never"]
    settings += ["--build-arg", f"BASE={base_image}"] if recipe.based else []
    buildah("build", "--quiet", *settings, "--file", recipe.containerfile, "--tag", image, context)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    buildah("push", "--quiet", "--disable-compression", image, f"oci-archive:{unfinished}:{image}")
    unfinished.rename(archive)


def _forget_older(name: str) -> None:
    archives = sorted(IMAGES.glob(f"{name}-*.tar"), key=lambda archive: archive.stat().st_mtime)
    for old in archives[:-KEPT]:
        old.unlink()
    buildah("rmi", "--prune")  # images that lost their name to this one; layers in use stay
