"""Builds Kubernetes, containerd, CoreDNS and the runc wrapper from their Go modules, once for each content of these.

`python -m e2e.lab.build` builds all and links the programs into `~/.cache/tulle/bin`.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from e2e.lab.paths import BINARIES, HERE
from e2e.lab.run import run
from envoy_xds.generate.toolchain import ensure_go

Report = Callable[[str], None]
KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
CONTAINERD = "github.com/containerd/containerd/v2"


@dataclass(frozen=True)
class Module:
    """A folder of `go/`: output → package, names that are links to the first output, linker variables."""

    name: str
    programs: dict[str, str]
    links: tuple[str, ...] = ()
    tags: str = ""
    variables: Callable[[str], dict[str, str]] = field(default=lambda _: {})

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


def _version_of(gomod: str, module: str) -> str:
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", gomod, re.MULTILINE)
    assert found is not None, f"{module} is not in go.mod"
    return found[1]


def _kubernetes_variables(gomod: str) -> dict[str, str]:
    version = _version_of(gomod, "k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {
        "gitVersion": version,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    return {f"k8s.io/component-base/version.{name}": value for name, value in values.items()}


def _containerd_variables(gomod: str) -> dict[str, str]:
    return {f"{CONTAINERD}/version.Version": _version_of(gomod, CONTAINERD)}


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
    """Build what is not there yet."""
    for module in modules:
        if not module.folder.exists():
            _build(module, report)
        _link(module)


def _build(module: Module, report: Report) -> None:
    go = ensure_go()
    gomod = (module.source / "go.mod").read_text()
    variables = " ".join(f"-X {name}={value}" for name, value in module.variables(gomod).items())
    unfinished = module.folder.with_suffix(f".{os.getpid()}")
    environment = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false -mod=mod", GOWORK="off")
    work = unfinished / "source"
    shutil.copytree(module.source, work)  # go may want to write go.sum; the checkout stays as it is
    for program, package in module.programs.items():
        report(f"building {program} (the first time takes some minutes)")
        flags = ["-trimpath", "-tags", module.tags, "-ldflags", f"-s -w {variables}", "-o", str(unfinished / program)]
        run(go, "-C", work, "build", *flags, package, env=environment)
    shutil.rmtree(work)
    for link in module.links:
        (unfinished / link).symlink_to(next(iter(module.programs)))
    unfinished.rename(module.folder)


def _link(module: Module) -> None:
    """`~/.cache/tulle/bin/<program>` is the newest build, for people and for tests."""
    for program in (*module.programs, *module.links):
        link = BINARIES / program
        target = Path(module.folder.name) / program
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)


if __name__ == "__main__":
    BINARIES.mkdir(parents=True, exist_ok=True)
    ensure()
