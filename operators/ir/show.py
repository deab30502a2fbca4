"""The IR as YAML, for people and for cases: defaults left out, one line where one line will do, no secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import singledispatch
from typing import Any, Protocol

import yaml

from operators.ir import routes as ir
from operators.ir.problems import Problem
from operators.ir.refs import ObjectRef, Origin

PEM_BEGIN = b"-----BEGIN CERTIFICATE-----"
ACTIONS: dict[type, str] = {ir.Forward: "forward", ir.Redirect: "redirect", ir.Respond: "respond"}


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


def show(mesh: Mapping[str, Iterable[Keyed]]) -> str:
    """A section per table, a value per key; empty tables are left out."""
    tables = {name: {value.key: plain(value) for value in values} for name, values in mesh.items()}
    return dump({name: table for name, table in tables.items() if table})


def dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=140)


@singledispatch
def plain(value: Any) -> Any:
    """A value of the IR as what YAML knows: of a dataclass what differs from its defaults and may print."""
    if not is_dataclass(value):
        raise TypeError(f"not a value of the IR: {value!r}")
    there = {field.name: (field, getattr(value, field.name)) for field in fields(value) if field.repr}
    return {
        name: plain(item) for name, (field, item) in there.items() if field.default is MISSING or item != field.default
    }


@plain.register(type(None))
@plain.register(int)  # and bool
@plain.register(float)
def _scalar(value: Any) -> Any:
    return value


@plain.register
def _text(value: str) -> str:
    return str(value)  # a StrEnum is text as well, and YAML knows only text


@plain.register(ObjectRef)
@plain.register(Origin)
def _reference(value: ObjectRef | Origin) -> str:
    return str(value)


@plain.register(ir.ExactPath)
@plain.register(ir.PrefixPath)
@plain.register(ir.RegexPath)
def _path(value: ir.PathMatch) -> str:
    return f"{type(value).__name__.removesuffix('Path')} {value.value}"


@plain.register(ir.ReplacePrefix)
@plain.register(ir.ReplacePath)
def _new_path(value: ir.ReplacePrefix | ir.ReplacePath) -> str:
    return f"{type(value).__name__} {value.value}"


@plain.register
def _secret(value: bytes) -> str:
    return f"{len(value)} bytes"


@plain.register(tuple)
@plain.register(list)
def _sequence(value: Iterable[Any]) -> list[Any]:
    return [plain(item) for item in value]


@plain.register
def _set(value: frozenset) -> list[Any]:  # type: ignore[type-arg]  # singledispatch takes classes only
    return sorted(plain(item) for item in value)


@plain.register
def _header(value: ir.HeaderMatch) -> str:
    return f"{value.name} ~ {value.value}" if value.regex else f"{value.name}: {value.value}"


@plain.register
def _weighted(value: ir.WeightedCluster) -> str:
    return f"{value.weight} {value.cluster}"


@plain.register
def _eds(value: ir.EdsBackend) -> str:
    return f"eds {value.endpoints}"


@plain.register
def _dns(value: ir.DnsBackend) -> str:
    return f"dns {value.hostname}:{value.port}"


@plain.register
def _endpoint(value: ir.Endpoint) -> str:
    address = f"[{value.address}]" if ":" in value.address else value.address
    words = [f"{address}:{value.port}", value.health.value, value.node, value.zone]
    return " ".join(word for word in words if word)


@plain.register
def _problem(value: Problem) -> str:
    fatal = " (fatal)" if value.fatal else ""
    return f"{value.reason} {value.field}: {value.message}{fatal}"


@plain.register
def _certificate(value: ir.Certificate) -> dict[str, Any]:
    return {"certificates": value.chain.count(PEM_BEGIN), "origins": plain(value.origins)}


@plain.register
def _match(value: ir.Match) -> Any:
    path = plain(value.path)
    details = {"methods": list(value.methods), "headers": plain(value.headers)}
    shown = {name: detail for name, detail in details.items() if detail}
    return {"path": path} | shown if shown else path


@plain.register
def _forward(value: ir.Forward) -> Any:
    match value:
        case ir.Forward((ir.WeightedCluster(cluster, _),)) if value == ir.Forward(value.clusters):
            return cluster
    return {"to": plain(value.clusters)} | _options(value, "timeouts", "retry", "rewrite")


@plain.register
def _respond(value: ir.Respond) -> Any:
    return {"status": value.status, "body": value.body} if value.body else value.status


@plain.register
def _route(value: ir.Route) -> dict[str, Any]:
    shown = {"match": plain(value.match), ACTIONS[type(value.action)]: plain(value.action)}
    return shown | _options(value, "request_headers", "response_headers") | {"origin": plain(value.origin)}


def _options(value: ir.Forward | ir.Route, *names: str) -> dict[str, Any]:
    """Of these fields those that are not at their default."""
    standard = {field.name: field.default for field in fields(value)}
    return {name: plain(getattr(value, name)) for name in names if getattr(value, name) != standard[name]}
