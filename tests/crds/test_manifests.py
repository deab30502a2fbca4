"""The generated CRDs: current, structural, affordable for the API server, and good to read."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from crds.generate import MANIFESTS, crd, stale
from crds.kinds import KINDS, Kind
from crds.schema import structural
from tests.kubectl import Kubectl

STRUCTURAL = {
    "type",
    "description",
    "default",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "properties",
    "additionalProperties",
    "required",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
}


def nodes(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(f"{path}[]", schema[name])


def parts(kind: Kind) -> list[tuple[str, dict[str, Any]]]:
    properties = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return [*nodes("spec", properties["spec"]), *nodes("status", properties["status"])]


def test_files_are_current():
    assert stale() == []


def test_generation_is_deterministic():
    for kind in KINDS:
        [text] = [path.read_text() for path in MANIFESTS.glob(f"{kind.plural}.*.yaml")]
        assert yaml.safe_load(text) == crd(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_structural(kind: Kind):
    for path, schema in parts(kind):
        assert set(schema) <= STRUCTURAL, path
        assert schema["type"] in {"object", "array", "string", "integer", "boolean"}, path
        assert ("properties" in schema) != ("additionalProperties" in schema) or schema["type"] != "object", path


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_bounded(kind: Kind):
    """Without bounds rules cost more than the API server allows, and an object could fill etcd."""
    for path, schema in parts(kind):
        assert "maxItems" in schema or schema["type"] != "array", path
        assert "maxProperties" in schema or "additionalProperties" not in schema, path
        assert path.startswith("status") or "enum" in schema or "maxLength" in schema or schema["type"] != "string", (
            path
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_described(kind: Kind):
    for path, schema in parts(kind):
        for name, child in schema.get("properties", {}).items():
            about = child.get("description", "")
            assert about[:1].isupper() or about[:1] == "`", f"{path}.{name}"
            assert about.endswith("."), f"{path}.{name}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_rules_say_what_to_do(kind: Kind):
    for path, schema in parts(kind):
        for validation in schema.get("x-kubernetes-validations", ()):
            assert len(validation["message"]) > 15, path


def test_unions_of_types_have_no_structural_form():
    with pytest.raises(TypeError, match="no structural schema"):
        structural({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, {})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_served(kind: Kind, kubectl: Kubectl):
    """Short name, category and columns, as users type and see them."""
    header = kubectl("api-resources", "--api-group=tulle.dev", "--categories=tulle", "--no-headers").splitlines()
    assert [line.split()[1] for line in header if line.split()[0] == kind.plural] == [kind.short]


def test_explained(kubectl: Kubectl):
    assert "Instead of spec.timeouts." in kubectl("explain", "ciliumingress.spec.rules.http.paths.timeouts")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_names_are_not_booleans_in_yaml(kind: Kind):
    """kubectl reads YAML 1.1, where `on: x` has the key true."""
    for path, schema in parts(kind):
        for name in schema.get("properties", {}):
            assert list(yaml.safe_load(f"{name}: 1")) == [name], path
