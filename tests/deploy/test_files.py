"""What of the chart and beside it is a copy, or must fit to something else."""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy import generate
from e2e import helm
from e2e.lab.errors import LabError

APPLICATION = generate.ROOT / "deploy/argocd/application.yaml"
SCHEMA = json.loads((generate.CHART / "values.schema.json").read_text())
VALUES = generate.CHART / "values.yaml"


def test_crds_are_copies(tmp_path):
    generate.sync_crds(chart=tmp_path)
    made = {file.name: file.read_text() for file in (tmp_path / "crds").iterdir()}
    assert made == {file.name: file.read_text() for file in (generate.CHART / "crds").iterdir()}
    served = [file for file in generate.MANIFESTS.glob("*.yaml") if not file.name.startswith(generate.WAITING)]
    assert made == {file.name: file.read_text() for file in served}


def test_versions_are_the_projects():
    version = tomllib.loads((generate.ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((generate.CHART / "Chart.yaml").read_text())
    tag = yaml.safe_load(VALUES.read_text())["image"]["tag"]
    assert (chart["version"], chart["appVersion"], tag) == (version, version, version)


def test_another_version_reaches_chart_and_images(tmp_path):
    for name in ("Chart.yaml", "values.yaml"):
        shutil.copyfile(generate.CHART / name, tmp_path / name)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "9.8.7"\n')
    generate.sync_version(project, tmp_path)
    chart, values = (yaml.safe_load((tmp_path / name).read_text()) for name in ("Chart.yaml", "values.yaml"))
    assert (chart["version"], chart["appVersion"], values["image"]["tag"]) == ("9.8.7", "9.8.7", "9.8.7")


# ---- values and their schema


def parts(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema that lists its properties."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from parts(item, f"{path}/{number}")
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            yield path, schema
        for name, item in schema.items():
            yield from parts(item, f"{path}/{name}")


def test_no_part_of_the_schema_takes_unknown_names():
    found = dict(parts(SCHEMA))
    assert len(found) > 10
    assert [path for path, part in found.items() if part.get("additionalProperties") is not False] == []


def names(values: Any, schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, bool]]:
    """Every name of either side, with whether the other has it too; as deep as the schema lists names in place."""
    known, given = schema.get("properties", {}), values if isinstance(values, dict) else {}
    for name in sorted({*known, *given}):
        yield f"{path}/{name}", name in known and name in given
        if name in known and "$ref" not in known[name] and "properties" in known[name]:
            yield from names(given.get(name), known[name], f"{path}/{name}")


def test_every_value_has_a_default_and_a_rule():
    assert [path for path, both in names(yaml.safe_load(VALUES.read_text()), SCHEMA) if not both] == ["/global"]


def test_every_value_has_a_comment():
    bare, commented = [], False
    for line in VALUES.read_text().splitlines():
        leaf = re.match(r" *[A-Za-z]+: \S", line) and not re.match(r" +(requests|limits):", line)
        if leaf and not commented:
            bare.append(line)
        commented = line.strip().startswith("#")
    assert bare == []


# ---- Argo CD


@pytest.fixture
def source() -> dict[str, Any]:
    application = yaml.safe_load(APPLICATION.read_text())
    assert (application["apiVersion"], application["kind"]) == ("argoproj.io/v1alpha1", "Application")
    return application["spec"]["source"]


def test_the_application_points_at_the_chart(source):
    assert generate.ROOT / source["path"] == helm.CHART
    assert (helm.CHART / "Chart.yaml").is_file()


def test_the_applications_values_are_good(source):
    helm.template(source["helm"]["valuesObject"])
    with pytest.raises(LabError, match="not allowed"):
        helm.template({**source["helm"]["valuesObject"], "unknown": 1})
