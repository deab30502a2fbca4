"""Objects → the claims of those that are ours."""

from collections.abc import Callable
from dataclasses import replace

from crds.cilium_ingress import CiliumIngress
from crds.core import IngressClass
from crds.ingress import Ingress
from operators.collections import Collection, Context, Graph
from operators.collections.union import Union
from operators.ingress.cilium import cilium_claims
from operators.ingress.claims import Claims
from operators.ingress.classes import ClassFacts, DefaultClass, class_name, default_class
from operators.ingress.facts import class_facts
from operators.ingress.ingest import ingress_claims
from operators.ingress.options import IngressSettings

IsOurs = Callable[[str | None, Context], bool]


def claims_table(
    graph: Graph,
    ingresses: Collection[Ingress],
    cilium_ingresses: Collection[CiliumIngress],
    ingress_classes: Collection[IngressClass],
    settings: IngressSettings,
) -> Collection[Claims]:
    """A class that is created or deleted recomputes the objects that name it, and those without class if it is the default."""
    known = graph.derive("classes", ingress_classes, lambda one, _: class_facts(one, settings.controller))
    default = graph.collect("default class", known, lambda every, _: default_class(every))
    is_ours = _ownership(known, default)

    def of_ingress(ingress: Ingress, ctx: Context) -> Claims | None:
        name = class_name(ingress.spec.ingress_class_name, ingress.metadata.annotations)
        return _read(ingress, ingress_claims(ingress, settings)) if is_ours(name, ctx) else None

    def of_cilium_ingress(ingress: CiliumIngress, ctx: Context) -> Claims | None:
        """Without class it is ours: no one else serves this kind."""
        name = class_name(ingress.spec.ingress_class_name, ingress.metadata.annotations)
        ours = name is None or is_ours(name, ctx)
        return _read(ingress, cilium_claims(ingress, settings)) if ours else None

    return Union(
        graph,
        "claims",
        graph.derive("ingress claims", ingresses, of_ingress),
        graph.derive("cilium ingress claims", cilium_ingresses, of_cilium_ingress),
    )


def _read(given: Ingress | CiliumIngress, claims: Claims) -> Claims:
    return replace(claims, generation=given.metadata.generation)


def _ownership(known: Collection[ClassFacts], default: Collection[DefaultClass]) -> IsOurs:
    def is_ours(name: str | None, ctx: Context) -> bool:
        if name is not None:
            facts = ctx.one(known, name)
            return facts is not None and facts.ours
        chosen = ctx.one(default, DefaultClass.KEY)
        return chosen is not None and chosen.facts.ours

    return is_ours
