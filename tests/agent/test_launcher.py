"""The start of Envoy: settings, a bootstrap that Envoy accepts, nothing but the standard library."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operators.node_agent.envoy_bootstrap import EnvoySettings, bootstrap
from operators.node_agent.launcher import command
from tests.xds.envoys import binary

SOURCES = Path(__file__).resolve().parents[2] / "operators"
IN_IMAGE = (
    "__init__.py",
    "node_agent/__init__.py",
    *(f"node_agent/{n}.py" for n in ("launcher", "envoy_bootstrap", "envoy_admin")),
)
NODE = {"TULLE_NODE_NAME": "node-a", "TULLE_POD_NAME": "envoy-x"}


@pytest.mark.envoy
@pytest.mark.parametrize("tls", ["on", "off"])
def test_envoy_accepts_the_bootstrap(tls, tmp_path):
    settings = EnvoySettings.read(
        NODE
        | {"TULLE_XDS_TLS": tls, "TULLE_XDS_ADDRESS": "[::1]:15010", "TULLE_ENVOY_DIRECTORY": str(tmp_path)}
        | {"TULLE_ENVOY_BINARY": str(binary()), "TULLE_CONCURRENCY": "1"}
    )
    done = subprocess.run([*command(settings), "--mode", "validate"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert ("tls_certificate" in json.dumps(bootstrap(settings))) == (tls == "on")


def test_the_controller_must_be_the_controller():
    settings = EnvoySettings.read(NODE | {"TULLE_TRUST_DOMAIN": "corp.example", "TULLE_NAMESPACE": "mesh"})
    text = json.dumps(bootstrap(settings))

    assert '"exact": "spiffe://corp.example/ns/mesh/sa/tulle-controller"' in text
    assert '"address": "tulle-controller.mesh.svc"' in text
    assert '"id": "envoy/node-a/envoy-x"' in text


def in_image(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run in a folder that has only what Envoy's image has, with Python's standard library only."""
    for name in IN_IMAGE:
        target = folder / "operators" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(SOURCES / name, target)
    arguments = (sys.executable, "-S", "-m", "operators.node_agent.launcher", *arguments)
    return subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def test_it_needs_only_the_standard_library(tmp_path):
    done = in_image(tmp_path, "--print", **NODE)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["node"] == {"id": "envoy/node-a/envoy-x", "cluster": "tulle"}


def test_what_is_not_set_is_named(tmp_path):
    done = in_image(tmp_path, TULLE_NODE_NAME="node-a")

    assert done.returncode == 2
    assert "not set: TULLE_POD_NAME" in done.stderr


def test_it_is_not_ready_before_envoy_runs(tmp_path):
    done = in_image(tmp_path, "--ready", TULLE_ENVOY_DIRECTORY=str(tmp_path), **NODE)

    assert done.returncode == 1
    assert "no answer on" in done.stdout
