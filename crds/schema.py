"""From models to structural schemas: what Kubernetes accepts of JSON schema, and CEL rules.

Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Mapping
from typing import Any

VALIDATIONS = "x-kubernetes-validations"
DROPPED = frozenset({"title", "$defs", "examples", "discriminator"})


class _Rules(dict[str, Any]):
    """Rules of one model; `|` joins them."""

    def __or__(self, other: Mapping[str, Any]) -> "_Rules":  # type: ignore[override]
        return _Rules({VALIDATIONS: [*self[VALIDATIONS], *other[VALIDATIONS]]})


def rule(expression: str, message: str) -> _Rules:
    """A CEL rule over `self`, and what a user reads when it fails."""
    return _Rules({VALIDATIONS: [{"rule": expression, "message": message}]})


def structural(node: Any, definitions: Mapping[str, Any]) -> Any:
    """A node of pydantic's JSON schema as a structural schema; TypeError for what has no such form."""
    if "$ref" in node:
        target = structural(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
        own = structural({name: value for name, value in node.items() if name != "$ref"}, definitions)
        return target | own
    if "anyOf" in node:
        return _optional(node, definitions)
    out = {name: value for name, value in node.items() if name not in DROPPED}
    if isinstance(out.get("default"), Mapping):
        _set_or_drop(out, {name: value for name, value in out["default"].items() if value is not None})
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if out.get("additionalProperties") is False:
        del out["additionalProperties"]
    for name in ("items", "additionalProperties"):
        if name in out:
            out[name] = structural(out[name], definitions)
    if "properties" in out:
        out["properties"] = {name: structural(value, definitions) for name, value in out["properties"].items()}
    return out


def _set_or_drop(out: dict[str, Any], default: dict[str, Any]) -> None:
    """A default of nothing but absent fields is none; null is no value of any type for the API server."""
    if default:
        out["default"] = default
    else:
        del out["default"]


def _optional(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """`X | None`: absent is how Kubernetes says None, so X it is, without the default."""
    alternatives = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
    rest = {
        name: value for name, value in node.items() if name != "anyOf" and not (name == "default" and value is None)
    }
    types = {choice.get("type") for choice in alternatives}
    if len(alternatives) == 1:
        return structural(dict(alternatives[0]) | rest, definitions)
    if types == {"integer", "string"}:
        return structural(rest, definitions) | {"x-kubernetes-int-or-string": True}
    raise TypeError(f"a union has no structural schema: {node}")
