"""From models to structural schemas: what Kubernetes accepts of JSON schema, and CEL rules.

Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Mapping
from typing import Any

VALIDATIONS = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"
MESSAGE = "x-message"  # ours, gone in the result: what a user reads instead of the pattern
DROPPED = frozenset({"title", "$defs", "examples", "discriminator"})

# Each value at most once, so that server-side apply can own single values.
SET: dict[str, Any] = {LIST_TYPE: "set"}


class _Rules(dict[str, Any]):
    """Rules of one model; `|` joins them."""

    def __or__(self, other: Mapping[str, Any]) -> "_Rules":  # type: ignore[override]
        return _Rules({VALIDATIONS: [*self[VALIDATIONS], *other[VALIDATIONS]]})


def rule(expression: str, message: str, field: str = "") -> _Rules:
    """A CEL rule over `self`, and what a user reads when it fails; `field` (such as `.path.type`) is what it blames."""
    blamed = {"fieldPath": field} if field else {}
    return _Rules({VALIDATIONS: [{"rule": expression, "message": message} | blamed]})


def said(message: str) -> dict[str, Any]:
    """The API server checks the field's pattern by a rule with this message.

    For what users get wrong and what is not repeated too often: rules have a budget, patterns don't.
    """
    return {MESSAGE: message}


def keyed(*names: str) -> dict[str, Any]:
    """A list whose items are told apart by these fields."""
    return {LIST_TYPE: "map", "x-kubernetes-list-map-keys": list(names)}


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
    if MESSAGE in out:
        out |= _pattern_as_rule(out.pop("pattern"), out.pop(MESSAGE))
    for name in ("items", "additionalProperties"):
        if name in out:
            out[name] = structural(out[name], definitions)
    if "properties" in out:
        out["properties"] = {name: structural(value, definitions) for name, value in out["properties"].items()}
    return out


def _pattern_as_rule(pattern: str, message: str) -> dict[str, Any]:
    if "'" in pattern:
        raise TypeError(f"a pattern with quotes cannot be a rule: {pattern}")
    return rule(f"self.matches(r'{pattern}')", message)


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
