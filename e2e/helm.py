"""The real Helm, built once from its Go module, and what is done with it."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.lab.paths import BINARIES
from e2e.lab.run import Word, run
from envoy_xds.generate.toolchain import ensure_go

VERSION = "v4.3.1"
MODULE = "helm.sh/helm/v4"
CHART = Path(__file__).parents[1] / "deploy/helm/tulle"
RELEASE = "tulle"


def ensure_helm() -> Path:
    """The binary; the first time, building it takes two minutes."""
    binary = BINARIES / f"helm-{VERSION}"
    BINARIES.mkdir(parents=True, exist_ok=True)
    with (BINARIES / ".helm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _build(binary)
    return binary


def _build(binary: Path) -> None:
    unfinished = BINARIES / ".helm.unfinished"
    name = f"{MODULE}/internal/version.version"
    flags = f"-s -w -X {name}={VERSION}"
    how = {"GOBIN": str(unfinished), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false", "GOWORK": "off"}
    install = ("nice", ensure_go(), "install", "-ldflags", flags, f"{MODULE}/cmd/helm@{VERSION}")
    run(*install, env={**os.environ, **how})
    (unfinished / "helm").rename(binary)
    unfinished.rmdir()


def helm(*words: Word, values: Mapping[str, Any] | None = None) -> str:
    """Run it with values from standard input; LabError with what it said where it fails."""
    return run(ensure_helm(), *words, "--values", "-", input=json.dumps(dict(values or {})))


def template(values: Mapping[str, Any] | None = None, *words: Word, namespace: str = "tulle-system") -> str:
    return helm("template", RELEASE, CHART, "--namespace", namespace, *words, values=values)


def install(kubeconfig: Path, namespace: str, values: Mapping[str, Any] | None = None) -> None:
    """Install or upgrade; returns when the API server has taken all objects, not when pods are ready."""
    where = ("--kubeconfig", kubeconfig, "--namespace", namespace, "--create-namespace")
    helm("upgrade", "--install", RELEASE, CHART, *where, values=values)


def uninstall(kubeconfig: Path, namespace: str) -> None:
    run(ensure_helm(), "uninstall", RELEASE, "--kubeconfig", kubeconfig, "--namespace", namespace, "--ignore-not-found")
