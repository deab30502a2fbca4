"""Copies into the chart what is made elsewhere: the CRDs, and the version. Run by `make generate`, compared by CI."""

import re
import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "crds/manifests"
CHART = ROOT / "deploy/helm/tulle"
# Kinds that no controller serves yet: a cluster that knew them would take what nobody enforces.
WAITING = ("clustermeshpolicies", "meshpolicies")


def sync_crds(manifests: Path = MANIFESTS, chart: Path = CHART) -> None:
    """Helm takes CRDs from the chart's own folder and follows no links."""
    folder = chart / "crds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for manifest in sorted(manifests.glob("*.yaml")):
        if manifest.name.startswith(WAITING):
            continue
        shutil.copyfile(manifest, folder / manifest.name)


def sync_version(project: Path = ROOT / "pyproject.toml", chart: Path = CHART) -> None:
    """Chart and images have the project's version."""
    version = tomllib.loads(project.read_text())["project"]["version"]
    _put(chart / "Chart.yaml", r"^(version|appVersion): .*$", rf"\1: {version}")
    _put(chart / "values.yaml", r"^  tag: .*$", f'  tag: "{version}"')


def _put(file: Path, pattern: str, line: str) -> None:
    """Replace lines, and leave the file's comments as they are."""
    file.write_text(re.sub(pattern, line, file.read_text(), flags=re.MULTILINE))


def main() -> None:
    sync_crds()
    sync_version()


if __name__ == "__main__":
    main()
