"""What changed in an object's conditions → Kubernetes events, for `kubectl describe`. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from operators.ir.refs import ObjectRef
from operators.status.conditions import Condition, Type

COMPONENT = "tulle-controller"
QUIET = frozenset(
    {"Pending", "NotAccepted", "NoProxies", "NothingServed"}
)  # of Programmed: they pass, or another condition tells why


def news(old: Iterable[Condition], new: Iterable[Condition]) -> Iterator[tuple[Condition, str]]:
    """Conditions worth an event, with its type: trouble that is new or has changed its words, and what became programmed."""
    before = {one.type: (one.status, one.reason, one.message) for one in old}
    for one in new:
        known = before.get(one.type)
        if is_trouble(one):
            if known != (one.status, one.reason, one.message):
                yield one, "Warning"
        elif one.type == Type.PROGRAMMED and one.status and (known is None or not known[0]):
            yield one, "Normal"


def is_trouble(one: Condition) -> bool:
    if one.type == Type.CONFLICTED:
        return one.status
    return not one.status and one.reason not in QUIET


@dataclass(frozen=True, slots=True)
class Subject:
    """The object that an event is about."""

    ref: ObjectRef
    api_version: str
    uid: str


def event(subject: Subject, one: Condition, kind: str, now: datetime) -> dict[str, Any]:
    """A core/v1 Event, named by what it says and when: two replicas that say the same say it once."""
    ref, uid = subject.ref, subject.uid
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = blake2b(f"{uid} {one.type} {one.reason} {one.message} {stamp[:-4]}".encode(), digest_size=8).hexdigest()
    namespace = ref.namespace or "default"
    involved = {
        "apiVersion": subject.api_version,
        "kind": ref.kind,
        "name": ref.name,
        "namespace": ref.namespace,
        "uid": uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{ref.name[:220]}.{said}", "namespace": namespace},
        "involvedObject": involved,
        "type": kind,
        "reason": one.reason,
        "message": one.message[:1024],
        "source": {"component": COMPONENT},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
