"""What our models make of Kubernetes' objects: what counts, what is left out, what absent fields mean."""

from typing import Any

import pytest
from pydantic import ValidationError

from crds.cilium_ingress import CiliumIngress
from crds.core import EndpointConditions, EndpointSlice, Node, Secret, Service
from crds.ingress import Ingress
from crds.load_balancer_ip_pool import LabelSelector

META = {"name": "web", "namespace": "shop", "uid": "1", "generation": 2, "labels": {"app": "web"}}
CHURN = [
    {"resourceVersion": "8"},
    {"managedFields": [{"manager": "kubectl"}]},
    {"annotations": {"tulle.dev/conditions": "[]"}},
    {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
]


@pytest.mark.parametrize("churn", CHURN, ids=lambda churn: next(iter(churn)))
@pytest.mark.parametrize("model", [Ingress, Service, EndpointSlice, Secret])
def test_churn_changes_nothing(model, churn: dict[str, Any]):
    assert model.parse({"metadata": META | churn}) == model.parse({"metadata": META})


def test_status_of_what_we_serve_is_not_read():
    body = {"metadata": META, "spec": {"rules": []}}
    served = body | {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    assert Ingress.parse(served) == Ingress.parse(body)
    assert CiliumIngress.parse(served) == CiliumIngress.parse(body)


def test_labels_and_annotations_count():
    assert Service.parse({"metadata": META}) != Service.parse({"metadata": META | {"labels": {}}})
    assert Service.parse({"metadata": META}) != Service.parse({"metadata": META | {"annotations": {"a": "b"}}})


def test_null_is_absent():
    body = {"metadata": META | {"labels": None}, "spec": {"ports": None, "type": None, "clusterIP": None}}
    service = Service.parse(body)
    assert (service.spec.ports, service.spec.type, service.metadata.labels) == ([], "ClusterIP", {})
    assert EndpointSlice.parse({"metadata": META, "endpoints": None, "ports": None}).endpoints == []
    assert Ingress.parse({"metadata": META, "spec": {"tls": [{"hosts": None}], "rules": None}}).spec.tls[0].hosts == []


@pytest.mark.parametrize(
    ("written", "ready", "serving", "terminating"),
    [
        ({}, True, True, False),
        ({"ready": False}, False, False, False),
        ({"ready": None, "serving": None, "terminating": None}, True, True, False),
        ({"ready": False, "serving": True, "terminating": True}, False, True, True),
        ({"ready": True, "serving": False}, True, False, False),
    ],
)
def test_conditions_of_endpoints(written, ready, serving, terminating):
    conditions = EndpointConditions.parse(written)
    assert (conditions.ready, conditions.is_serving, conditions.terminating) == (ready, serving, terminating)


def test_keys():
    assert Ingress.parse({"metadata": META}).key == "shop/web"
    assert Node.parse({"metadata": {"name": "node-a"}}).key == "node-a"
    labelled = META | {"labels": {"kubernetes.io/service-name": "web"}}
    assert EndpointSlice.parse({"metadata": labelled}).service == "shop/web"
    assert EndpointSlice.parse({"metadata": META}).service == ""


def test_secrets_decode_on_demand_and_never_print():
    secret = Secret.parse({"metadata": META, "data": {"tls.key": "aHVzaA==", "broken": "!"}})
    assert secret.value("tls.key") == b"hush"
    assert secret.value("broken") is None
    assert secret.value("absent") is None
    assert "aHVzaA" not in f"{secret!r} {secret}"


def test_secrets_do_not_print_in_errors():
    with pytest.raises(ValidationError) as caught:
        Secret.parse({"metadata": META, "data": {"tls.key": ["hush"]}})
    assert "hush" not in str(caught.value)


def test_unknown_fields_are_refused_in_our_kinds_and_ignored_in_others():
    with pytest.raises(ValidationError, match="timeout"):
        CiliumIngress.parse({"metadata": META, "spec": {"timeout": {}}})
    assert Ingress.parse({"metadata": META, "spec": {"new": 1}}) == Ingress.parse({"metadata": META})


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ({}, True),
        ({"matchLabels": {"zone": "a"}}, True),
        ({"matchLabels": {"zone": "b"}}, False),
        ({"matchLabels": {"rack": "a"}}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": "rack", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "rack", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"zone": "a"}, "matchExpressions": [{"key": "rack", "operator": "Exists"}]}, False),
    ],
)
def test_selectors_choose_as_kubernetes_does(selector, chosen):
    assert LabelSelector.parse(selector).matches({"zone": "a"}) is chosen
