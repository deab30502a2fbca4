"""Reads the stories of `e2e/ingress/*.yaml` and turns one into objects to apply; its format is in their README."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "ingress"
NAME = "story"


@dataclass(frozen=True)
class Story:
    title: str
    topic: str
    given: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return f"{self.topic}: {self.title}"

    @property
    def kind(self) -> str:
        return "CiliumIngress" if "ciliumIngress" in self.given else "Ingress"

    @property
    def objects(self) -> list[dict[str, Any]]:
        """What is applied before the story's own object, in order."""
        return list(self.given.get("objects", ()))

    @property
    def secrets(self) -> dict[str, dict[str, Any]]:
        """Name of a TLS Secret to make → {hosts, key}."""
        raw = self.given.get("secrets", {})
        return {name: what if isinstance(what, dict) else {"hosts": what} for name, what in raw.items()}

    @property
    def subject(self) -> dict[str, Any]:
        """The object that the story is about."""
        metadata = {"name": NAME, "annotations": dict(self.given.get("annotations", {}))}
        class_name = self.given.get("ingressClassName", "tulle")
        if self.kind == "CiliumIngress":
            return {
                "apiVersion": "tulle.dev/v1alpha1",
                "kind": "CiliumIngress",
                "metadata": metadata,
                "spec": self.given["ciliumIngress"],
            }
        spec = dict(self.given["ingress"]) | ({"ingressClassName": class_name} if class_name else {})
        return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}

    @property
    def conditions(self) -> dict[str, dict[str, str]]:
        """Condition type → what it must say; every story waits for Programmed=True unless it expects otherwise."""
        wanted = {"Programmed": "True"} | dict(self.given.get("conditions", {}))
        return {kind: want if isinstance(want, dict) else {"status": want} for kind, want in wanted.items()}

    @property
    def requests(self) -> dict[str, dict[str, Any]]:
        return {url: _expectation(expected) for url, expected in self.given.get("requests", {}).items()}

    @property
    def split(self) -> dict[str, Any] | None:
        return self.given.get("split")


def _expectation(short: str | int | dict[str, Any]) -> dict[str, Any]:
    match short:
        case int():
            return {"status": short}
        case "refused":
            return {"refused": True}
        case str():
            return {"status": 200, "service": short}
        case _:
            return ({"status": 200} if "service" in short else {}) | short


def load(values: Mapping[str, str]) -> Iterator[Story]:
    """All stories, with `${name}` replaced by `values`."""
    for path in sorted(FOLDER.glob("*.yaml")):
        text = string.Template(path.read_text()).safe_substitute(values)
        for given in yaml.safe_load(text):
            yield Story(given["story"], path.stem, given)
