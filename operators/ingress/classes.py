"""Whose an Ingress is: by class name, by the old annotation, or by the cluster's default class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from operators.ingress.claims import NEVER

ANNOTATION = "kubernetes.io/ingress.class"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """An IngressClass as far as ownership goes."""

    name: str
    ours: bool
    default: bool
    created: datetime | None = None

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class DefaultClass:
    """The class of those that name none. There is at most one, under the key `KEY`."""

    KEY: ClassVar[str] = "default"

    facts: ClassFacts

    @property
    def key(self) -> str:
        return self.KEY


def default_class(classes: Iterable[ClassFacts]) -> DefaultClass | None:
    """Kubernetes' own rule for several defaults (the admission plugin DefaultIngressClass): the youngest, then by name."""
    defaults = sorted((facts for facts in classes if facts.default), key=lambda facts: facts.name)
    if not defaults:
        return None
    return DefaultClass(max(defaults, key=lambda facts: facts.created or NEVER))


def class_name(spec_class: str | None, annotations: Mapping[str, str]) -> str | None:
    """What the object says itself; the field wins over the annotation."""
    return spec_class or annotations.get(ANNOTATION) or None
