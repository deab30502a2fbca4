"""Builds Kubernetes, containerd, CoreDNS and the runc wrapper from their Go modules, once for each content of these.

`make kubernetes` builds all and links the programs into `~/.cache/tulle/bin`.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from e2e.lab.compile import Report, go_build
from e2e.lab.errors import LabError
from e2e.lab.locks import alone
from e2e.lab.paths import BINARIES, HERE
from envoy_xds.generate.toolchain import ensure_go

KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
CONTAINERD = "github.com/containerd/containerd/v2"


@dataclass(frozen=True)
class Module:
    """A folder of `go/`: output → package, names that are links to the first output, linker variables."""

    name: str
    programs: dict[str, str]
    links: tuple[str, ...] = ()
    tags: str = ""
    variables: Callable[[Self], dict[str, str]] = field(default=lambda _: {})

    @property
    def source(self) -> Path:
        return HERE / "go" / self.name

    @property
    def folder(self) -> Path:
        """Where its programs are, once built."""
        digest = hashlib.sha256(repr((self.programs, self.links, self.tags)).encode())
        for file in sorted(self.source.iterdir()):
            digest.update(file.read_bytes())
        return BINARIES / f"{self.name}-{digest.hexdigest()[:12]}"

    def version_of(self, dependency: str) -> str:
        """As go.mod pins it."""
        gomod = (self.source / "go.mod").read_text()
        found = re.search(rf"^\s*(?:require )?{re.escape(dependency)} (v\S+)", gomod, re.MULTILINE)
        if found is None:
            raise LabError(f"{dependency} is not in {self.source}/go.mod")
        return found[1]


def _kubernetes_variables(module: Module) -> dict[str, str]:
    version = module.version_of("k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return {f"k8s.io/component-base/version.{name}": value for name, value in values.items()}


def _containerd_variables(module: Module) -> dict[str, str]:
    return {f"{CONTAINERD}/version.Version": module.version_of(CONTAINERD)}


KUBE = Module("kube", {"kube": "."}, links=KUBERNETES, variables=_kubernetes_variables)
RUNTIME = Module(
    "containerd",
    {name: f"{CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
    tags="no_btrfs no_devmapper no_zfs no_aufs netgo osusergo static_build",
    variables=_containerd_variables,
)
COREDNS = Module("coredns", {"coredns": "."})
RUNC = Module("runc", {"runc-lab": "."})
MODULES = (KUBE, RUNTIME, COREDNS, RUNC)


def ensure(modules: Iterable[Module] = MODULES, report: Report = print) -> None:
    """Build what is not there yet; of two that want the same at the same time, one builds."""
    with alone(BINARIES / ".lab.lock"):
        for module in modules:
            if not module.folder.exists():
                _build(module, report)
            _link(module)


def _build(module: Module, report: Report) -> None:
    go = ensure_go()
    variables = " ".join(f"-X {name}={value}" for name, value in module.variables(module).items())
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false -mod=mod", GOWORK="off")
    with tempfile.TemporaryDirectory(prefix=f".{module.name}-", dir=BINARIES) as unfinished:
        work, programs = Path(unfinished, "source"), Path(unfinished, "programs")
        shutil.copytree(module.source, work)  # go may want to write go.sum; the checkout stays as it is
        for program, package in module.programs.items():
            flags = ["-v", "-trimpath", "-tags", module.tags, "-ldflags", f"-s -w {variables}"]
            go_build(program, [go, "build", *flags, "-o", programs / program, package], work, environment, report)
        for link in module.links:
            (programs / link).symlink_to(next(iter(module.programs)))
        programs.rename(module.folder)


def _link(module: Module) -> None:
    """`~/.cache/tulle/bin/<program>` is the newest build, for people and for tests."""
    for program in (*module.programs, *module.links):
        link = BINARIES / program
        target = Path(module.folder.name) / program
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
