"""What users copy from is taken by the API server as it is written, and read by our models as it was taken."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from crds.cilium_ingress import CiliumIngress
from crds.ingress import Ingress
from crds.load_balancer_ip_pool import LoadBalancerIPPool
from tests.kubectl import Kubectl

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))
MODELS = {model.__name__: model for model in (Ingress, CiliumIngress, LoadBalancerIPPool)}


def stories() -> list[dict[str, Any]]:
    """The CiliumIngresses that the e2e stories apply."""
    files = sorted((ROOT / "e2e/ingress").glob("*.yaml"))
    return [story for file in files for story in yaml.safe_load(file.read_text()) if "ciliumIngress" in story]


def dry_run(kubectl: Kubectl, text: str) -> dict[str, Any]:
    """The object as the API server would keep it, defaults and all."""
    return json.loads(kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=text))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, kubectl: Kubectl):
    written = yaml.safe_load(path.read_text())
    kept = dry_run(kubectl, path.read_text())
    model = MODELS[written["kind"]]
    assert model.parse(kept).spec == model.parse(written).spec


@pytest.mark.parametrize("story", stories(), ids=lambda story: story["story"])
def test_story(story: dict[str, Any], kubectl: Kubectl):
    written = {
        "apiVersion": "tulle.dev/v1alpha1",
        "kind": "CiliumIngress",
        "metadata": {"name": "story"},
        "spec": story["ciliumIngress"],
    }
    kept = dry_run(kubectl, json.dumps(written))
    assert CiliumIngress.parse(kept).spec == CiliumIngress.parse(written).spec
