"""What the cases use is what the API server takes, and our models read it as it was taken."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crds.mesh_policy import ClusterMeshPolicy, MeshPolicy
from crds.network_policy import NetworkPolicy
from tests.kubectl import Kubectl, serving
from tests.policy.test_policy_cases import CASES, STORIES, complete, load

MODELS = {model.__name__: model for model in (NetworkPolicy, MeshPolicy, ClusterMeshPolicy)}
VERSIONS = {"NetworkPolicy": "networking.k8s.io/v1"}
BROKEN = {"np-broken-block", "np-ip-block-host-bits"}  # the API server took the second one until 1.34


def policies() -> Iterator[dict[str, Any]]:
    """Each under a name and in a namespace that are there."""
    for story in STORIES:
        for at, body in enumerate(complete(load(CASES / story / "in.yaml"))):
            if story not in BROKEN and body["kind"] in MODELS:
                version = VERSIONS.get(body["kind"], "tulle.dev/v1alpha1")
                yield {"apiVersion": version, "metadata": {"name": f"{story}-{at}"}} | {
                    name: body[name] for name in ("kind", "spec")
                }


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory) -> Iterator[Kubectl]:
    with serving(tmp_path_factory.mktemp("apiserver")) as server:
        yield Kubectl(server.kubeconfig())


def test_the_api_server_takes_the_policies_of_all_cases(kubectl):
    written = list(policies())
    items = {"apiVersion": "v1", "kind": "List", "items": written}
    taken = json.loads(kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(items)))["items"]

    assert len(taken) == len(written) > 50
    for before, after in zip(written, taken, strict=True):
        model = MODELS[before["kind"]]
        assert meaning(model.parse(after)) == meaning(model.parse(before)), before["metadata"]["name"]


def meaning(policy: Any) -> Any:
    """Without what the API server fills in: policyTypes."""
    return policy.spec.model_dump(exclude={"policy_types"})
