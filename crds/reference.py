"""A kind → its reference page: one table per type of the schema, with the rules that the API server enforces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from crds.kinds import GROUP, VERSION, Kind
from crds.schema import MESSAGE, VALIDATIONS

Schema = Mapping[str, Any]
SCOPES = {"Namespaced": "namespaced", "Cluster": "cluster-scoped"}


@dataclass(slots=True)
class Section:
    """A type of the schema, and the fields that have it."""

    title: str
    schema: Schema
    used_by: list[str] = field(default_factory=list)


def reference(kind: Kind) -> str:
    lines = [
        f"# {kind.name}",
        "",
        kind.about,
        "",
        f"`apiVersion: {GROUP}/{VERSION}`, {SCOPES[kind.scope]}, short name `{kind.short}`, category `tulle`.",
        "Generated from the models in `crds/`; `kubectl explain` shows the same.",
    ]
    for part, model in (("spec", kind.spec), ("status", kind.status)):
        for section in _sections(part, model):
            lines += ["", *_shown(section)]
    return "\n".join(lines) + "\n"


def _sections(part: str, model: type[BaseModel]) -> list[Section]:
    """In the order of first mention."""
    raw = model.model_json_schema(by_alias=True)
    definitions = raw.get("$defs", {})
    found = {part: Section(part, raw)}
    waiting = [part]
    while waiting:
        parent = found[waiting.pop(0)]
        for name, schema in parent.schema["properties"].items():
            title = _type_name(schema)
            if not title:
                continue
            if title not in found:
                found[title] = Section(title, definitions[title])
                waiting.append(title)
            found[title].used_by.append(f"{parent.title}.{name}")
    return list(found.values())


def _shown(section: Section) -> Iterator[str]:
    schema = section.schema
    yield f"## {section.title}"
    yield ""
    about = schema.get("description") if section.used_by else None
    if about:
        yield about
    if section.used_by:
        yield "In " + ", ".join(f"`{user}`" for user in section.used_by) + "."
        yield ""
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for name, value in schema["properties"].items():
        yield _row(name, value, required=name in schema.get("required", ()))
    if rules := list(_rules(schema)):
        yield ""
        yield "The API server sees to it that"
        yield ""
        yield from (f"- {rule}" for rule in rules)


def _row(name: str, schema: Schema, *, required: bool) -> str:
    about = schema.get("description", "").replace("|", "\\|")
    return f"| `{name}` | {_type(schema)} | {'required' if required else _default(schema)} | {about} |"


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value is None or value == "" or isinstance(value, Mapping) else f"`{value}`"


def _rules(schema: Schema) -> Iterator[str]:
    """What must hold, as the user reads it when it does not; once, where several fields share it."""
    yield from dict.fromkeys(validation["message"] for validation in schema.get(VALIDATIONS, ()))
    fields: dict[str, list[str]] = {}
    for name, value in schema["properties"].items():
        if text := _form(value):
            fields.setdefault(text, []).append(f"`{name}`")
    for text, names in fields.items():
        yield f"{', '.join(names)}: {text}"


def _form(schema: Schema) -> str:
    """How a string, or the strings of a list, are written."""
    bare = _bare(schema)
    text = _bare(bare["items"]) if bare.get("type") == "array" else bare
    if MESSAGE in text:
        return str(text[MESSAGE])
    return f"matches `` {text['pattern']} ``" if "pattern" in text else ""


def _bare(schema: Schema) -> Schema:
    """Without the `or null` that absent fields have in pydantic's schema."""
    return next((choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"), schema)


def _type_name(schema: Schema) -> str:
    """The type that a field or its items have, if it has a section."""
    bare = _bare(schema)
    bare = _bare(bare["items"]) if bare.get("type") == "array" else bare
    return str(bare["$ref"]).rsplit("/", 1)[1] if "$ref" in bare else ""


def _type(schema: Schema) -> str:
    bare = _bare(schema)
    if "$ref" in bare:
        title = _type_name(bare)
        return f"[{title}](#{title.lower()})"
    if "enum" in bare:
        return " or ".join(f"`{value}`" for value in bare["enum"])
    match bare.get("type"):
        case "array":
            return f"list of {_type(bare['items'])}, {_limits(bare, 'minItems', 'maxItems')}"
        case "object":
            return f"map of {_type(bare['additionalProperties'])}, {_limits(bare, 'minProperties', 'maxProperties')}"
        case "integer":
            return f"integer {_limits(bare, 'minimum', 'maximum')}".rstrip()
        case other:
            return str(other)


def _limits(schema: Schema, least: str, most: str) -> str:
    if most in schema:
        return f"{schema[least]} to {schema[most]}" if least in schema else f"at most {schema[most]}"
    return f"from {schema[least]}" if least in schema else ""
