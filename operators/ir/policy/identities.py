"""Who is who, and what concerns whom: policies as tables over identities, for those who have no labels to look at.

An identity is all workloads that selectors cannot tell apart. Its name is made from what they share, so that everyone who
computes it gets the same; numbers are given to names elsewhere.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from operators.ir.policy.ends import Workload
from operators.ir.policy.rules import Account, Policy, Subject
from operators.ir.policy.selectors import Labels, Operator


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` is `identity_name(workload)`."""

    name: str
    workload: Workload

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Location:
    """An address is this identity's, on this node (empty: outside)."""

    address: str
    identity: str
    node: str = ""

    @property
    def key(self) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class Selection:
    """The names of the identities that a subject or peer of some policy matches; also of none. `name` is `subject_name(subject)`."""

    name: str
    subject: Subject
    identities: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Judged:
    """The policies that are about an identity, by name; what is under none has no entry."""

    identity: str
    policies: tuple[Policy, ...]

    @property
    def key(self) -> str:
        return self.identity


def identity_name(workload: Workload) -> str:
    parts = (
        workload.namespace,
        workload.account,
        workload.external,
        sorted(workload.labels),
        sorted(workload.namespace_labels),
        [(port.name, port.protocol.value, port.number) for port in sorted(workload.ports)],
    )
    return _digest(parts)


def subject_name(subject: Subject) -> str:
    """The same for subjects that are equal."""
    return _digest(subject)


def _digest(value: object) -> str:
    """Of values that print the same whenever they are equal."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:20]


def buckets(subject: Subject) -> Iterator[str]:
    """Where to look for identities that it may match: all that it does match have one of these among `buckets_of` them."""
    if isinstance(subject, Account):
        yield _account(subject.namespace, subject.name)
        return
    namespace = subject.namespaces if isinstance(subject.namespaces, str) else ""
    for requirement in subject.labels.requirements:
        if requirement.operator is Operator.IN:
            yield from (_label(namespace, requirement.key, value) for value in requirement.values)
            return
    yield _whole(namespace)


def buckets_of(workload: Workload) -> Iterator[str]:
    yield _account(workload.namespace, workload.account)
    for namespace in ("", workload.namespace):
        yield _whole(namespace)
        yield from _labelled(namespace, workload.labels)


def _labelled(namespace: str, labels: Labels) -> Iterator[str]:
    return (_label(namespace, key, value) for key, value in labels)


def _account(namespace: str, name: str) -> str:
    return f"account {namespace}/{name}"


def _label(namespace: str, key: str, value: str) -> str:
    return f"{namespace or 'every namespace'}: {key}={value}"


def _whole(namespace: str) -> str:
    return namespace or "every namespace"
