"""The chart as Helm renders it; each set of values once per session."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from e2e import helm

Objects = list[dict[str, Any]]
Render = Callable[..., Objects]


@cache
def _rendered(values: str) -> str:
    return helm.template(json.loads(values), "--include-crds")


@pytest.fixture(scope="session")
def render() -> Render:
    """`render(values)`: the objects that would be applied."""

    def rendered(values: Mapping[str, Any] | None = None) -> Objects:
        documents = yaml.safe_load_all(_rendered(json.dumps(dict(values or {}), sort_keys=True)))
        return [one for one in documents if one]

    return rendered


@pytest.fixture
def objects(render) -> Objects:
    return render()
