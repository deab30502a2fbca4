"""Every folder of `tests/services/cases/`: what users and Kubernetes write (`in.yaml`), and what nodes make of it.

`ir.yaml` is the same for all nodes, `nodes.yaml` is who answers where, `status.yaml` what users are told. A story with a second
part (`then.yaml`) ends UDP flows (`flows.yaml`). `--rewrite` writes what is computed now; read the difference before committing it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.ir.services import stale_flows
from operators.ir.show import dump, plain, show
from operators.services.show import answers
from tests.services.world import FIELDS, World

CASES = Path(__file__).parent / "cases"
STORIES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
EXPECTED = ("ir.yaml", "nodes.yaml", "status.yaml")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
OWN_KINDS = {"Without", "Gone"}


def load(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def complete(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """As the API server would: namespace, age (younger than those above), and for a slice the label of its Service.

    `service: web` in a slice is that label; without a name it is `web-1`, `web-2`, ... in their order.
    """
    seen: dict[str, int] = {}
    for at, document in enumerate(documents):
        if document["kind"] in OWN_KINDS:
            continue
        body = dict(document)
        meta = {"creationTimestamp": (FIRST + timedelta(minutes=at)).isoformat()}
        if body["kind"] == "EndpointSlice":
            service = body.pop("service")
            seen[service] = seen.get(service, 0) + 1
            meta |= {"name": f"{service}-{seen[service]}", "labels": {"kubernetes.io/service-name": service}}
            body = {"addressType": "IPv4"} | body
        if body["kind"] != "Node":
            meta |= {"namespace": "default"}
        yield body | {"metadata": meta | body.get("metadata", {})}


def run(story: str) -> dict[str, str]:
    """What a story computes, by file."""
    documents = load(CASES / story / "in.yaml")
    without = {name for document in documents if document["kind"] == "Without" for name in document["nodes"]}
    base = [node for node in load(CASES / "base.yaml") if node["metadata"]["name"] not in without]
    objects = list(complete([*base, *documents]))
    made = World.of(*(one["metadata"]["name"] for one in objects if one["kind"] == "Node"))
    made.set(*objects)
    made.commit()
    computed = {"ir.yaml": ir(made), "nodes.yaml": nodes(made), "status.yaml": status(made)}
    if (CASES / story / "then.yaml").exists():
        computed["flows.yaml"] = flows(made, load(CASES / story / "then.yaml"))
    return computed


def ir(made: World) -> str:
    return show({"ports": made.balance.ports.values()})


def nodes(made: World) -> str:
    """Nodes that do the same are named together."""
    shown: dict[str, Any] = {}
    for port in made.balance.ports.values():
        by_node = {node: answers(port, tables.choices.get(port.key)) for node, tables in made.nodes.items()}
        shown[port.key] = _together(by_node)
    checks = {
        node: {one.key: plain(one) for one in tables.health_checks.values()} for node, tables in made.nodes.items()
    }
    if any(checks.values()):
        shown["health checks"] = _together(checks)
    return dump(shown)


def _together(by_node: dict[str, Any]) -> dict[str, Any]:
    ordered = sorted(by_node.items(), key=lambda item: (str(item[1]), item[0]))
    groups = [list(group) for _, group in groupby(ordered, key=lambda item: item[1])]
    return {" ".join(node for node, _ in group): group[0][1] for group in sorted(groups)}


def status(made: World) -> str:
    return dump({one.key: plain(one.problems) for one in made.balance.problems.values() if one.problems})


def flows(made: World, documents: list[dict[str, Any]]) -> str:
    """What the second part ends: `{kind: Gone, of: EndpointSlice, name: web-1}` deletes."""
    before = {port.key: port for port in made.balance.ports.values()}
    for document in documents:
        if document["kind"] == "Gone":
            made.delete(document["of"], f"default/{document['name']}")
    made.set(*complete(documents))
    made.commit()
    after = {port.key: port for port in made.balance.ports.values()}
    ended = {key: stale_flows(before.get(key), after.get(key)) for key in sorted(before | after)}
    return dump({key: plain(stale) for key, stale in ended.items() if stale})


@pytest.mark.parametrize("story", STORIES)
def test_story(story, request):
    computed = run(story)
    if request.config.getoption("--rewrite"):
        for name, text in computed.items():
            (CASES / story / name).write_text(text)

    assert computed == {name: (CASES / story / name).read_text() for name in computed}


def test_every_file_belongs_to_a_story():
    """What no story computes any more would be believed by a reader."""
    wanted = {"base.yaml", "README.md"}
    for story in STORIES:
        second = ("then.yaml", "flows.yaml") if (CASES / story / "then.yaml").exists() else ()
        wanted |= {f"{story}/{name}" for name in ("in.yaml", *EXPECTED, *second)}

    assert wanted == {str(path.relative_to(CASES)) for path in CASES.rglob("*") if path.is_file()}


def test_every_kind_has_a_source():
    assert set(FIELDS.values()) == set(World.of().sources.__slots__)
