"""Who a piece of the mesh comes from: the object a user can mend."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """A Kubernetes object by kind, namespace (empty when cluster-scoped) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """One field of one object, as a path a user can find, e.g. `spec.rules[0].http.paths[1]`."""

    ref: ObjectRef
    field: str

    def __str__(self) -> str:
        return f"{self.ref} {self.field}"
