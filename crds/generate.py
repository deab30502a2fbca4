"""Models → `crds/manifests/*.yaml` and `docs/reference/*.md`; run by `make generate`, compared by CI."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from crds.kinds import GROUP, KINDS, VERSION, Column, Kind
from crds.schema import VALIDATIONS, structural

ROOT = Path(__file__).parents[1]
MANIFESTS = ROOT / "crds/manifests"
REFERENCE = ROOT / "docs/reference"


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model."""
    raw = model.model_json_schema(by_alias=True)
    schema: dict[str, Any] = structural(raw, raw.get("$defs", {}))
    return schema


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": _object_schema(kind)},
    }
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short],
        "categories": ["tulle"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": kind.scope, "names": names, "versions": [version]},
    }


def _object_schema(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.about,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schema_of(kind.spec),
            "status": schema_of(kind.status),
        },
    }


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return shown | ({"priority": column.priority} if column.priority else {})


def reference(kind: Kind) -> str:
    """The reference page of a kind: every field, its type, default and rules."""
    lines = [
        f"# {kind.name}",
        "",
        kind.about,
        "",
        f"`apiVersion: {GROUP}/{VERSION}`, {kind.scope.lower()}, short name `{kind.short}`, category `tulle`.",
        "Generated from the models in `crds/`; `kubectl explain` shows the same.",
    ]
    for part, model in (("spec", kind.spec), ("status", kind.status)):
        schema = schema_of(model)
        lines += ["", f"## {part}", "", "| field | type | default | |", "|---|---|---|---|"]
        lines += [_row(path, field, required=required) for path, field, required in _fields(part, schema)]
        rules = list(_rules(part, schema))
        if rules:
            lines += ["", f"What the API server refuses in `{part}`, beside types and patterns:", ""]
            lines += [f"- `{path}`: {message}" for path, message in rules]
    return "\n".join(lines) + "\n"


def _fields(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field, name in schema.get("required", ())
        yield from _fields(f"{path}.{name}", field)
        if "items" in field:
            yield from _fields(f"{path}.{name}[]", field["items"])


def _rules(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for validation in schema.get(VALIDATIONS, ()):
        yield path, validation["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", field)
        if "items" in field:
            yield from _rules(f"{path}.{name}[]", field["items"])


def _row(path: str, field: dict[str, Any], *, required: bool) -> str:
    default = "required" if required else _shown(field["default"]) if "default" in field else ""
    about = field.get("description", "").replace("|", "\\|").replace("\n", " ")
    return f"| `{path}` | {_type(field)} | {default} | {about} |"


def _shown(default: object) -> str:
    return "" if default in ([], {}, "") else f"`{default}`"


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    bounds = [str(field[name]) for name in ("minimum", "maximum") if name in field]
    return str(field.get("type", "object")) + (f" {' to '.join(bounds)}" if len(bounds) > 1 else "")


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - CRDs are read by people
        return True


def main() -> None:
    MANIFESTS.mkdir(exist_ok=True)
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        text = yaml.dump(crd(kind), Dumper=_Plain, sort_keys=False, width=120)
        header = "# Generated by `make generate` from the models in crds/.\n"
        (MANIFESTS / f"{kind.plural}.{GROUP}.yaml").write_text(header + text)
        (REFERENCE / f"{kind.name.lower()}.md").write_text(reference(kind))


if __name__ == "__main__":
    main()
