"""What the API server takes, our models read, and both mean the same: over random objects, valid and damaged."""

import copy
import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from crds.base import ApiModel
from crds.cilium_ingress import CiliumIngress
from crds.core import EndpointSlice, Service
from crds.ingress import Ingress
from tests.apiserver import ADMIN, ApiServer
from tests.strategies import Object, cilium_ingresses, endpoint_slices, ingresses, services

KINDS = {
    "ingresses": (ingresses(), Ingress),
    "ciliumingresses": (cilium_ingresses(), CiliumIngress),
    "services": (services(), Service),
    "endpointslices": (endpoint_slices(), EndpointSlice),
}
REPLACEMENTS = st.sampled_from(
    [
        None,
        "",
        "x",
        0,
        1,
        -1,
        True,
        [],
        {},
        ["x"],
        "*.x",
        "x.1",
        "1.2.3.4",
        "0s",
        "a b",
        "/x",
        "/x/../y",
        "x\u0000",
        "😀",
    ]
)
ROOM = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def submit(api: ApiServer, plural: str, body: Object) -> tuple[Object | None, str]:
    """What the API server would keep, or why it will not."""
    version = body["apiVersion"]
    prefix = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    metadata = {name: value for name, value in body["metadata"].items() if name != "creationTimestamp"}
    sent = body | {"metadata": metadata | {"namespace": "default"}}
    request = urllib.request.Request(
        f"https://127.0.0.1:{api.port}{prefix}/namespaces/default/{plural}?dryRun=All&fieldValidation=Strict",
        data=json.dumps(sent).encode(),
        headers={"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=30) as answer:
            return json.loads(answer.read()), ""
    except urllib.error.HTTPError as refusal:
        return None, json.loads(refusal.read())["message"]


def damage(value: Any, draw: st.DataObject) -> Any:
    """The same with one part, mostly deep inside, taken away or replaced."""
    keys = sorted(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if not keys or draw.draw(st.integers(0, 15)) == 0:
        return draw.draw(REPLACEMENTS)
    key = draw.draw(st.sampled_from(keys))
    changed = copy.copy(value)
    if draw.draw(st.integers(0, 5)) == 0:
        del changed[key]
    else:
        changed[key] = damage(value[key], draw)
    return changed


@pytest.mark.parametrize("plural", KINDS)
@ROOM
@given(data=st.data())
def test_valid_objects_are_taken(plural: str, data: st.DataObject, api: ApiServer):
    strategy, model = KINDS[plural]
    written = data.draw(strategy)
    kept, why = submit(api, plural, written)
    assert kept is not None, why
    assert meaning(model, kept) == meaning(model, written)


@pytest.mark.parametrize("plural", KINDS)
@ROOM
@given(data=st.data())
def test_damaged_objects_are_refused_or_read(plural: str, data: st.DataObject, api: ApiServer):
    strategy, model = KINDS[plural]
    written = data.draw(strategy)
    part = "spec" if "spec" in written else "endpoints"
    damaged = written | {part: damage(written[part], data)}
    kept, _ = submit(api, plural, damaged)
    event("taken" if kept else "refused")
    if kept is not None:
        model.parse(kept)


def meaning(model: type[ApiModel], body: Object) -> Any:
    """All that we read, but for the metadata and what the API server assigns."""
    kept = model.parse(body).model_dump(exclude={"metadata"})
    spec = kept.get("spec", {})
    spec.pop("cluster_ip", None)
    for port in spec.get("ports", ()) if model is Service else ():
        port["node_port"] = None
        port["target_port"] = port["target_port"] or port["port"]
    return kept
