"""Conditions and addresses ↔ what the API server holds of them, by kind. Pure.

Ours have `status.conditions`. Kubernetes' Ingress has none, so its conditions are the JSON of an annotation, and events.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operators.status.conditions import Condition

ANNOTATION = "tulle.dev/conditions"
Body = Mapping[str, Any]
Patch = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What an object says now; `uid` and `generation` come from it, the rest was written by us or by a controller before us."""

    uid: str = ""
    generation: int = 0
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)  # other fields of status

    @property
    def ours(self) -> bool:
        """Whether we have written to it before."""
        return bool(self.conditions)


def read_ingress(body: Body) -> Written:
    meta = body["metadata"]
    text = meta.get("annotations", {}).get(ANNOTATION)
    return Written(meta["uid"], meta.get("generation", 0), _from_json(text) if text else (), _addresses(body))


def read_own(body: Body) -> Written:
    meta, status = body["metadata"], body.get("status", {})
    extra = {
        name: value
        for name, value in status.items()
        if name not in {"conditions", "observedGeneration", "loadBalancer"}
    }
    found = tuple(_condition(one) for one in status.get("conditions", ()))
    return Written(meta["uid"], meta.get("generation", 0), found, _addresses(body), extra)


def annotation_patch(old: Sequence[Condition], new: Sequence[Condition]) -> Patch | None:
    """For the Ingress itself; None where nothing differs. No conditions remove the annotation."""
    if tuple(old) == tuple(new):
        return None
    text = json.dumps([_compact(one) for one in new], separators=(",", ":")) if new else None
    return {"metadata": {"annotations": {ANNOTATION: text}}}


def addresses_patch(old: Sequence[str], new: Sequence[str]) -> Patch | None:
    """For the status of an Ingress."""
    if tuple(old) == tuple(new):
        return None
    return {"status": {"loadBalancer": {"ingress": [{"ip": address} for address in new] or None}}}


def own_patch(old: Written, new: Written) -> Patch | None:
    """For the status of one of our kinds; None where nothing differs."""
    status: dict[str, Any] = {}
    if old.conditions != new.conditions:
        status["conditions"] = [_full(one) for one in new.conditions] or None
        status["observedGeneration"] = new.generation if new.conditions else None
    if old.addresses != new.addresses:
        status["loadBalancer"] = {"ingress": [{"ip": address} for address in new.addresses]} if new.addresses else None
    status |= {name: value for name, value in new.extra.items() if old.extra.get(name) != value}
    return {"status": status} if status else None


def _addresses(body: Body) -> tuple[str, ...]:
    served = body.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return tuple(one.get("ip") or one.get("hostname", "") for one in served)


def _condition(one: Mapping[str, Any]) -> Condition:
    return Condition(
        str(one.get("type", "")),
        one.get("status") == "True",
        str(one.get("reason", "")),
        str(one.get("message", "")),
        int(one.get("observedGeneration", 0)),
        str(one.get("lastTransitionTime", "")),
    )


def _full(one: Condition) -> dict[str, Any]:
    return {
        "type": one.type,
        "status": "True" if one.status else "False",
        "reason": one.reason,
        "message": one.message,
        "observedGeneration": one.generation,
        "lastTransitionTime": one.since,
    }


def _compact(one: Condition) -> dict[str, Any]:
    return {name: value for name, value in _full(one).items() if value != ""}


def _from_json(text: str) -> tuple[Condition, ...]:
    """Someone may have edited the annotation: what does not parse is as if it were not there, and is written anew."""
    try:
        found = json.loads(text)
        return tuple(_condition(one) for one in found)
    except (ValueError, TypeError, AttributeError):
        return (Condition("", False, "unreadable"),)
