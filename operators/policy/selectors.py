"""Label selectors of the API → those of the IR."""

from crds import mesh_policy, network_policy
from operators.ir.policy import EVERYTHING, Operator, Requirement, Selector

Given = mesh_policy.LabelSelector | network_policy.LabelSelector


def selector(given: Given) -> Selector:
    expressions = (
        Requirement(one.key, Operator(one.operator), tuple(sorted(set(one.values)))) for one in given.match_expressions
    )
    return Selector.of(given.match_labels, expressions)


def selector_or_all(given: Given | None) -> Selector:
    """Beside another selector an absent one restricts nothing."""
    return EVERYTHING if given is None else selector(given)
