"""Every folder of `tests/cases/`: what users apply (`in.yaml`), what it means (`ir.yaml`), what they are told (`status.yaml`).

`pytest tests/test_cases.py --rewrite` writes what is computed now; read the difference before committing it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.ingress.certificates import Clock
from operators.ingress.options import IngressSettings
from operators.ir.show import dump, plain, show
from operators.settings import Exposure
from tests.ingress.certificates import NOW, secret
from tests.ingress.world import FIELDS, World

CASES = Path(__file__).parent / "cases"
STORIES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
EXPECTED = ("ir.yaml", "status.yaml")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def load(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def complete(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without a timestamp an object is younger than those above it; without a namespace it is in `default`."""
    for at, document in enumerate(documents):
        if document["kind"] == "Certificate":
            yield secret(**{name: value for name, value in document.items() if name != "kind"})
        elif document["kind"] in FIELDS:
            born = (FIRST + timedelta(minutes=at)).isoformat()
            scope = (
                {} if document["kind"] in {"IngressClass", "LoadBalancerIPPool", "Node"} else {"namespace": "default"}
            )
            yield document | {"metadata": {"creationTimestamp": born} | scope | document["metadata"]}


def settings_of(documents: list[dict[str, Any]]) -> IngressSettings:
    given = next((document for document in documents if document["kind"] == "Settings"), {"kind": ""})
    values = {name: value for name, value in given.items() if name != "kind"}
    if "exposure" in values:
        values["exposure"] = Exposure(values["exposure"])
    return IngressSettings(**values)


def run(story: str) -> dict[str, str]:
    """What a story computes, by file."""
    documents = load(CASES / story / "in.yaml")
    bare = any(document["kind"] == "Settings" and document.pop("bare", False) for document in documents)
    world = World.of(settings_of(documents))
    world.sources.clock.set(Clock(NOW))
    world.set(*complete([*([] if bare else load(CASES / "base.yaml")), *documents]))
    world.commit()
    status = {problems.key: plain(problems.problems) for problems in world.mesh.problems.values()}
    return {"ir.yaml": show(world.tables()), "status.yaml": dump(status)}


@pytest.mark.parametrize("story", STORIES)
def test_story(story, request):
    computed = run(story)
    if request.config.getoption("--rewrite"):
        for name, text in computed.items():
            (CASES / story / name).write_text(text)

    assert computed == {name: (CASES / story / name).read_text() for name in EXPECTED}


def test_every_file_belongs_to_a_story():
    """What no story computes any more would be believed by a reader."""
    wanted = {f"{story}/{name}" for story in STORIES for name in ("in.yaml", *EXPECTED)} | {"base.yaml", "README.md"}

    assert wanted == {str(path.relative_to(CASES)) for path in CASES.rglob("*") if path.is_file()}
