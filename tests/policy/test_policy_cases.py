"""Every folder of `tests/policy_cases/`: policies (`in.yaml`), what becomes of connections (`decisions.txt`), and what users
are told, if anything (`status.yaml`).

`pytest tests/policy/test_policy_cases.py --rewrite` writes what is computed now; read the difference before committing it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.ir.show import dump, plain
from tests.policy.world import World, told

CASES = Path(__file__).parents[1] / "policy_cases"
STORIES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
CLUSTER_WIDE = {"Namespace", "Node", "ClusterMeshPolicy", "End"}


def load(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def complete(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Without a namespace it is in `shop`."""
    for document in documents:
        scope = {} if document["kind"] in CLUSTER_WIDE else {"namespace": "shop"}
        yield document | {"metadata": scope | document["metadata"]}


def world_of(story: str) -> World:
    return World.of(complete([*load(CASES / "base.yaml"), *load(CASES / story / "in.yaml")]))


def answered(world: World, table: str) -> str:
    """The lines of `decisions.txt` with what is computed as their last column; columns are two spaces or more apart."""
    lines = [line if line.startswith("#") else _answered(world, line) for line in table.splitlines() if line.strip()]
    return "\n".join(lines) + "\n"


def _answered(world: World, line: str) -> str:
    source, destination, port = re.split(r" {2,}", line)[:3]
    return f"{source:<16}  {destination:<16}  {port:<9}  {told(world.ask(source, destination, port))}"


def status(world: World) -> str:
    """Empty where nothing is wrong."""
    wrong = {reading.key: plain(reading.problems) for reading in world.readings if reading.problems}
    return dump(wrong) if wrong else ""


def expected(story: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (CASES / story).iterdir() if path.name != "in.yaml"}


@pytest.mark.parametrize("story", STORIES)
def test_story(story, request):
    world = world_of(story)
    table = (CASES / story / "decisions.txt").read_text()
    computed = {"decisions.txt": answered(world, table)} | ({"status.yaml": text} if (text := status(world)) else {})
    if request.config.getoption("--rewrite"):
        for name, text in computed.items():
            (CASES / story / name).write_text(text)

    assert computed == expected(story)


def test_there_are_enough():
    assert len(STORIES) >= 40
