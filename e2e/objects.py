"""Applies objects and waits for what they become: by watching, never by time."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterable
from typing import Any

from e2e.lab import Cluster

Object = dict[str, Any]
PATIENCE = 60.0


def apply(cluster: Cluster, namespace: str, objects: Iterable[Object]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("-n", namespace, "apply", "-f", "-", input=json.dumps(items))


def delete(cluster: Cluster, namespace: str, objects: Iterable[Object]) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    cluster.kubectl("-n", namespace, "delete", "--ignore-not-found", "-f", "-", input=json.dumps(items))


def await_object(
    cluster: Cluster, namespace: str, kind: str, name: str, wanted: Callable[[Object], bool], patience: float = PATIENCE
) -> Object:
    """Watch one object until it is as wanted; an AssertionError shows how it was last."""
    # Chosen by a field, not by name: of a single named object kubectl drops the first event, which may be the one that counts
    only = f"--field-selector=metadata.name={name}"
    command = cluster.kubectl_command("-n", namespace, "get", kind, only, "-o", "json", "--watch")
    last: Object = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
        timer = threading.Timer(patience, watch.kill)
        timer.start()
        try:
            for last in _documents(watch):
                if wanted(last):
                    return last
        finally:
            timer.cancel()
            watch.kill()
    raise AssertionError(
        f"{kind} {namespace}/{name} did not become as wanted; it was last: {json.dumps(last, indent=1)}"
    )


def _documents(watch: "subprocess.Popen[str]") -> Iterable[Object]:
    """kubectl writes one indented document after the other; a closing brace in the first column ends one."""
    assert watch.stdout is not None
    lines: list[str] = []
    for line in watch.stdout:
        lines.append(line)
        if line == "}\n":
            yield json.loads("".join(lines))
            lines.clear()


def conditions(found: Object) -> dict[str, dict[str, str]]:
    """By type; of an Ingress they are in its annotation."""
    kept = found.get("metadata", {}).get("annotations", {}).get("tulle.dev/conditions")
    listed = json.loads(kept) if kept else found.get("status", {}).get("conditions", [])
    return {one["type"]: one for one in listed}


def meets(found: Object, wanted: dict[str, dict[str, str]]) -> bool:
    """Whether the conditions say what is wanted: equal values, a message by a part of it."""
    actual = conditions(found)
    return all(kind in actual and _agrees(actual[kind], want) for kind, want in wanted.items())


def _agrees(actual: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(
        value in actual.get(name, "") if name == "message" else actual.get(name) == value
        for name, value in wanted.items()
    )
